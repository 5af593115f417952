"""Answers the core's port of attachments: where files are, what they are, what they say."""
