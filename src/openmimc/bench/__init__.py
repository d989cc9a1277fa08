"""The benchmark: load on a server's public doors, and what the server spends on it.

    scenarios   what is measured; drives the crew, reads the server's use of CPU and memory, makes the result
    crew        the workers, as processes of their own
    worker      one of them: a loop with devices on it
    relay       what any server has to do at the least, in a process of its own, to compare with

Knows the protocol as every client does, and nothing of the server's inside: all it sees of that is sockets and
``/proc``.
"""
