"""Describes the machine that was measured on."""
import os
import pathlib
import platform
import time


def cpu_model():
    """The processor's name as the kernel tells it."""
    for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.machine()


def memory_gib():
    """Memory in GiB."""
    return round(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30, 1)


def system():
    """The distribution's name."""
    for line in pathlib.Path('/etc/os-release').read_text().splitlines():
        if line.startswith('PRETTY_NAME='):
            return line.split('=', 1)[1].strip('"')
    return platform.system()


def describe(versions):
    """All of it, as a dictionary for the results; versions: {title of a server: its version}."""
    return {'cpu': cpu_model(), 'cpus': os.cpu_count(), 'memory_gib': memory_gib(),
            'kernel': platform.release(), 'system': system(),
            'load_average_before': os.getloadavg(), 'versions': versions,
            'date': time.strftime('%Y-%m-%d')}
