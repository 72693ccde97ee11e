"""The measuring part of scripts/watch-load: a publisher, the program in a pseudo-terminal, and a clock.

One topic, `load/probe`, carries the time of its publish in milliseconds. What the screen shows of it, subtracted from the
time at which it appears, is the age of the newest message shown. Only cells that changed are drawn, so each message writes
its digits in another of five alphabets. A key is timed from the write until the help that it opens is drawn.
"""
import fcntl, os, pty, re, resource, select, socket, struct, subprocess, sys, termios, threading, time

mqt, broker, topics, rate, seconds, other = sys.argv[1:7]
topics, rate, seconds = int(topics), int(rate), float(seconds)
host, port = broker.rsplit(":", 1)


# Without H and m, which end the control sequences around them.
ALPHABETS = ["0123456789", "abcdefghij", "nopqrstuvw", "ABCDEFGIJK", "LMNOPQRSTU"]
TIMES = re.compile("|".join("[%s]{13}" % alphabet for alphabet in ALPHABETS).encode())


def packet(topic, payload):
    topic = topic.encode()
    body = struct.pack(">H", len(topic)) + topic + payload
    length, digits = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes([0x30]) + bytes(digits) + body


def connect():
    stream = socket.create_connection((host, int(port)))
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    name = b"load-%d" % os.getpid()
    body = b"\0\4MQTT\4\2\0\0" + struct.pack(">H", len(name)) + name
    stream.sendall(bytes([0x10, len(body)]) + body)
    assert stream.recv(4)[:1] == b"\x20"
    return stream


sent, late, stop = 0, 0.0, False


def publish():
    """TOPICS topics in turn, RATE messages a second in 100 portions, the probe with each of them."""
    global sent, late
    stream = connect()
    parts = 100
    blocks, block = [], []
    each = rate // parts
    for number in range(topics):
        block.append(packet(f"load/{number % 317}/device-{number}/value", b'{"value":%d,"unit":"C"}' % (number % 1000)))
        if len(block) == each - 1:
            blocks.append(b"".join(block))
            block = []
    begun, turn = time.monotonic(), 0
    while not stop:
        due = begun + turn / parts
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        else:
            late = max(late, -wait)
        now = "%d" % int(time.time() * 1000)
        digits = now.translate(str.maketrans("0123456789", ALPHABETS[turn % 5]))
        stream.sendall(packet("load/probe", digits.encode()) + blocks[turn % len(blocks)])
        turn += 1
        sent = turn * each
    stream.close()


def usage(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    ticks = os.sysconf("SC_CLK_TCK")
    with open(f"/proc/{pid}/status") as file:
        status = file.read()
    high = int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024
    resident = int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024
    return (int(fields[11]) + int(fields[12])) / ticks, resident, high


def part(values, percent):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * percent / 100))] if values else float("nan")


pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm-256color"
    if other:
        os.execvp("sh", ["sh", "-c", other])
    os.execv(mqt, [mqt, "watch", "-h", host, "-p", port])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
os.set_blocking(terminal, False)
tail = b""


def read(until):
    """Reads what the program draws until then; returns when the first bytes came, and all of them."""
    first, got = None, b""
    while time.monotonic() < until:
        ready, _, _ = select.select([terminal], [], [], max(0, min(0.002, until - time.monotonic())))
        if ready:
            first = first or time.monotonic()
            try:
                got += os.read(terminal, 1 << 20)
            except OSError:  # It has ended.
                time.sleep(max(0, until - time.monotonic()))
                return first, got
            if first and not select.select([terminal], [], [], 0)[0]:
                return first, got
    return first, got


def drain(span):
    """Reads all that the program draws for so many seconds."""
    until = time.monotonic() + span
    while time.monotonic() < until:
        read(until)


def wait_for(what, pattern):
    """Reads what the program draws until it matches."""
    until, seen = time.monotonic() + 30, b""
    while not re.search(pattern, seen):
        if time.monotonic() > until:
            sys.exit(f"{what}: this does not come true")
        seen = seen[-10_000:] + read(time.monotonic() + 0.1)[1]


# Of another program is not known what it shows first.
wait_for("it is connected", b"." if other else b"new session")
thread = threading.Thread(target=publish, daemon=True)
thread.start()
drain(4)
os.write(terminal, b"/probe\r")
drain(1)
begun = time.monotonic()
cpu_before, sent_before = usage(pid)[0], sent
ages, keys = [], []
next_key = begun + 1
newest = 0
while time.monotonic() < begun + seconds:
    first, got = read(time.monotonic() + 0.05)
    now = time.time() * 1000
    for word in TIMES.findall(got):
        alphabet = next(letters for letters in ALPHABETS if chr(word[0]) in letters)
        shown = int(word.decode().translate(str.maketrans(alphabet, "0123456789")))
        if shown > newest:
            newest = shown
            ages.append(now - shown)
    if time.monotonic() >= next_key:
        start = time.monotonic()
        os.write(terminal, b"?")
        seen = b""
        while not re.search(b"Moving|Finding|Values|broker", seen) and time.monotonic() < start + 2:
            seen += read(time.monotonic() + 0.01)[1]
        keys.append((time.monotonic() - start) * 1000)
        drain(0.05)
        os.write(terminal, b"x")
        next_key = time.monotonic() + 0.2
cpu, resident, high = usage(pid)
sent_at_end, stop = sent, True
thread.join(2)
os.write(terminal, b"q")
drain(1)
print(f"{topics} topics, {rate} msg/s asked, {(sent_at_end - sent_before) / seconds:.0f} msg/s sent, {seconds:.0f} s")
print(f"publisher at most {late * 1000:.0f} ms late")
print(f"age of the newest message shown: median {part(ages, 50):.0f} ms, p99 {part(ages, 99):.0f} ms, most {max(ages, default=float('nan')):.0f} ms ({len(ages)} seen)")
print(f"key to screen: median {part(keys, 50):.0f} ms, p99 {part(keys, 99):.0f} ms, most {max(keys, default=float('nan')):.0f} ms ({len(keys)} keys)")
print(f"memory: {resident:.0f} MB at the end, {high:.0f} MB at most")
print(f"processor: {(cpu - cpu_before) / seconds * 100:.0f} % of a core")
os.waitpid(pid, 0)
