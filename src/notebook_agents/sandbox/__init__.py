"""Tool kernels: started by a provisioner of ours, confined by level, watched, and ended.

`KernelSandbox` answers the core's Sandbox port; `SandboxConfig` is what a deployment decides.
What each level enforces stands in ``docs/security.md``.
"""
