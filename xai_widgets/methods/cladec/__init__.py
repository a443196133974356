"""ClaDec: a layer decoded into a picture, beside a plain auto-encoder."""
