"""Luigi tasks, one file a stage, imported as `longhop.tasks`."""

if __name__ != "longhop.tasks":
    raise ImportError("import longhop.tasks: under another name Luigi would register every task twice")
