"""The dialect of the Agent C API documentation."""
