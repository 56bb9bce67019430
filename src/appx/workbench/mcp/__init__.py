"""The MCP servers of projects: started, asked and ended on the workbench."""
