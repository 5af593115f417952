"""What Linux enforces on a process for good: system calls, files, and the groups that count use.

`filters` turns rules into a seccomp program, `landlock` keeps a process to some files, `lockdown`
holds the rules of ours. Nothing here knows what it is for; tool kernels and dry runs use it.
"""
