"""The finished dataset: rows as trainers read them, the card, and the upload to the Hugging Face Hub."""
