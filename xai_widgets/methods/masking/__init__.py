"""What methods that cover parts of a picture share: backgrounds, penalties, batches."""
