"""The composers' page: a local server, a process that samples, and a page in the browser."""
