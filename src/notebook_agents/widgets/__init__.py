"""What has buttons: the chat panel and its fellows, one anywidget class per file."""
