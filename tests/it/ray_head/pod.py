"""The inside of a pod, for tests: a network of its own with a loopback device and the pod's address on it.

Runs as the first process of new user, network, mount and process namespaces (`unshare`), so nothing in it is reached from
outside, no port of this machine is taken, and when it ends everything in it ends. It ends with its standard input.

Reads a request a line, as JSON, and answers a line:

    {"run": [ARGUMENT...], "env": {...}, "seconds": N}      {"code": N, "stdout": "...", "stderr": "..."}; code null: too late
    {"start": [ARGUMENT...], "env": {...}, "log": FILE}     {}
    {"get": [HOST, PORT, METHOD, PATH], "headers": {...}}   {"status": N, "body": "..."}, or {"error": "..."}
    {"listening": PORT}                                     {"addresses": ["127.0.0.1", ...]}
"""

import ctypes
import fcntl
import http.client
import ipaddress
import json
import os
import socket
import struct
import subprocess
import sys

# linux/sockios.h, linux/if.h, linux/route.h
SIOCADDRT, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x890B, 0x8914, 0x8916, 0x891C
IFF_UP, RTF_UP = 1, 1
LISTEN = "0A"


class Route(ctypes.Structure):
    """struct rtentry"""

    _fields_ = [
        ("pad1", ctypes.c_ulong),
        ("destination", ctypes.c_ubyte * 16),
        ("gateway", ctypes.c_ubyte * 16),
        ("mask", ctypes.c_ubyte * 16),
        ("flags", ctypes.c_ushort),
        ("pad2", ctypes.c_short),
        ("pad3", ctypes.c_ulong),
        ("pad4", ctypes.c_void_p),
        ("metric", ctypes.c_short),
        ("device", ctypes.c_char_p),
        ("mtu", ctypes.c_ulong),
        ("window", ctypes.c_ulong),
        ("irtt", ctypes.c_ushort),
    ]


def address(text):
    """struct sockaddr_in"""
    return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(text))


def network(own):
    """The loopback device up, with the pod's address, and a default route: programs find out their own address by it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
        fcntl.ioctl(control, SIOCSIFADDR, struct.pack("16s16s", b"lo:pod", address(own)))
        fcntl.ioctl(control, SIOCSIFNETMASK, struct.pack("16s16s", b"lo:pod", address("255.255.255.255")))
        route = Route(flags=RTF_UP, device=b"lo")
        for field in (route.destination, route.gateway, route.mask):
            field[:] = address("0.0.0.0")
        fcntl.ioctl(control, SIOCADDRT, route)


def run(request):
    try:
        done = subprocess.run(
            request["run"],
            env=request["env"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=request["seconds"],
        )
    except subprocess.TimeoutExpired as late:
        code, out, err = None, late.stdout or b"", late.stderr or b""
    else:
        code, out, err = done.returncode, done.stdout, done.stderr
    return {"code": code, "stdout": out.decode(errors="replace"), "stderr": err.decode(errors="replace")}


def start(request):
    with open(request["log"], "ab") as log:
        subprocess.Popen(
            request["start"], env=request["env"], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    return {}


def get(request):
    host, port, method, path = request["get"]
    connection = http.client.HTTPConnection(host, port, timeout=20)
    try:
        connection.request(method, path, headers=request["headers"])
        answer = connection.getresponse()
        return {"status": answer.status, "body": answer.read().decode(errors="replace")}
    except OSError as wrong:
        return {"error": type(wrong).__name__}
    finally:
        connection.close()


def listening(request):
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(table):
            continue
        with open(table) as lines:
            for fields in (line.split() for line in list(lines)[1:]):
                host, port = fields[1].rsplit(":", 1)
                if fields[3] == LISTEN and int(port, 16) == request["listening"]:
                    words = [bytes.fromhex(host[at : at + 8])[::-1] for at in range(0, len(host), 8)]
                    own = ipaddress.ip_address(b"".join(words))
                    found.add(str(getattr(own, "ipv4_mapped", None) or own))
    return {"addresses": sorted(found)}


def main():
    network(sys.argv[1])
    answers = {"run": run, "start": start, "get": get, "listening": listening}
    for line in sys.stdin:
        request = json.loads(line)
        [of] = answers.keys() & request.keys()
        print(json.dumps(answers[of](request)), flush=True)


main()
