#!/usr/bin/env python3
"""rules.py PROGRAM [COUNT]: the rules of the stock configuration on COUNT addresses, by PROGRAM and by the original.

Both read the same file of `3,0 ADDRESS` and `/parse ADDRESS` lines in test mode (-bt) and write to a file. Hosts come from
/etc/hosts, so that no name server is measured. Root, after `sh tests/oracle/setup.sh`; skipped where that has not been run.
"""
import os, random, resource, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
SANDBOX = os.path.join(HERE, '..', 'tests', 'oracle', 'sandbox.py')
ORIGINAL = '/opt/oracle/root/usr/libexec/sendmail/sendmail'
LIBRARIES = '/opt/oracle/root/usr/lib/x86_64-linux-gnu:/opt/oracle/root/lib/x86_64-linux-gnu'
STOCK = '/opt/oracle/cf/seed-sendmail.cf'
CF, SWITCH, LINES = '/run/rules.cf', '/run/rules.switch', '/run/rules.in'
GOAL = 20


def addresses(count):
    """Yields addresses as they come to a mail server, always the same ones."""
    lot = random.Random(1)
    users = ['user', 'john.doe', 'postmaster', 'root', 'a', 'list-request', 'user+detail', 'x_y', '"John Q. Public"']
    hosts = ['localhost', 'hoge', 'example.com', 'mail.example.org', 'dept.uni.example.edu', 'example.com.', '[127.0.0.1]',
             '[IPv6:::1]', 'x.uucp']
    for _ in range(count):
        user, host, other = lot.choice(users) + str(lot.randrange(1000)), lot.choice(hosts), lot.choice(hosts)
        yield lot.choices([
            f'{user}@{host}', f'<{user}@{host}>', user, f'Some Body <{user}@{host}>', f'{user}%{host}@{other}',
            f'<@{other}:{user}@{host}>', f'{other}!{user}', f'{user}@{host} (comment)',
        ], [50, 20, 8, 8, 4, 3, 3, 4])[0]


def lay_out(count):
    """Writes the configuration and what is typed."""
    with open(STOCK, encoding='latin-1') as stock, open(CF, 'w', encoding='latin-1') as cf:
        cf.write(stock.read() + f'O ServiceSwitchFile={SWITCH}\n')
    with open(SWITCH, 'w') as switch:
        switch.write('hosts files\n')
    with open(LINES, 'w') as lines:
        for number, address in enumerate(addresses(count)):
            lines.write(f'{"3,0" if number % 2 else "/parse"} {address}\n')


def run(name, program, libraries):
    """Runs a program in test mode; returns what it wrote and the seconds it took, by the clock and of the processor."""
    out = f'/run/rules.{name}'
    environment = dict(os.environ, **({'LD_LIBRARY_PATH': libraries} if libraries else {}))
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    pid = os.posix_spawn(program, ['sendmail', '-bt', '-C', CF], environment, file_actions=[
        (os.POSIX_SPAWN_OPEN, 0, LINES, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ])
    os.waitpid(pid, 0)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(out, 'rb') as written:
        lines = written.read().split(b'\n')
    return lines, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(program, count):
    """Prints what both take and whether they agree."""
    lay_out(count)
    ours, theirs = run('ours', program, None), run('theirs', ORIGINAL, LIBRARIES)
    print(f'test mode, {count} addresses of the stock configuration:')
    for name, (lines, wall, cpu) in (('ours', ours), ('the original', theirs)):
        print(f'  {name:14}{wall:8.2f} s   processor {cpu:8.2f} s   {len(lines)} lines')
    differing = sum(a != b for a, b in zip(ours[0], theirs[0])) + abs(len(ours[0]) - len(theirs[0]))
    print(f'  {theirs[1] / ours[1]:.1f} times as fast, {theirs[2] / ours[2]:.1f} by processor time (goal {GOAL}); '
          f'{differing} lines differ')


def main():
    program, count = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    if os.geteuid() != 0 or not os.path.exists(ORIGINAL):
        print('rules.py: skipped: needs root and `sh tests/oracle/setup.sh`')
    elif 'ORACLE_WORLD' in os.environ:
        measure(program, count)
    else:
        os.execv(sys.executable, [sys.executable, SANDBOX, 'pub', sys.executable, os.path.abspath(__file__), program, str(count)])


main()
