"""Explanations of a whole data set: in shards of bounded memory, over any number of processes, as Parquet files."""
