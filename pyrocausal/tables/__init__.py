"""A table, looked at before anything is fitted: codes for missing values, copies, rows that hang together, kinds."""
