"""The adapters: ports made real over HTTP, SQL, files and the clock."""
