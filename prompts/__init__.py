"""The prompts that longhop ships, one Markdown file each; `longhop.prompting` loads them."""
