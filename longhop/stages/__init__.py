"""The stages: plain functions from records to records, one module each, named after what it produces."""
