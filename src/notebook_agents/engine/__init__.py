"""The engine room: answers the Engine port with transformers and torch, in a process of its own.

The serving side (`remote`, `launcher`, `provisioner`) starts that process, watches it and talks
HTTP to it; it never imports torch. The worker side (`worker` and everything it imports) holds the
models. `wire` is what both agree on.
"""
