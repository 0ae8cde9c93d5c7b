"""A real Slurm cluster on this machine's loopback address, for as long as a test needs it.

Nodes have more processors than the machine has, and imitation GPUs: links to /dev/null, which is
the character device that slurmd insists on. Nothing outside the cluster's folder is written.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
ACCOUNTING_PROGRAMS = ("slurmdbd", "mariadbd", "mariadb-install-db", "mariadb-admin")

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[slurmctld]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
# No cgroups and no systemd. linuxproc would leave some processes of killed jobs behind.
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
MpiDefault=none
SwitchType=switch/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,sched_min_interval=100000,batch_sched_delay=0
# squeue must still show jobs that ended.
MinJobAge=3600
KillWait=2
SlurmctldTimeout=30
SlurmdTimeout={slurmd_timeout}
JobRequeue=1
PropagateResourceLimits=NONE
AccountingStorageType=accounting_storage/{accounting}
{accounting_lines}
NodeName={nodes} NodeHostname={host} NodeAddr=127.0.0.1 Port={node_ports} CPUs={cpus} \
RealMemory={memory} Gres=gpu:imitation:{gpus} State=UNKNOWN
PartitionName=cpu Nodes={nodes} Default=YES MaxTime=24:00:00 State=UP
PartitionName=gpu Nodes={nodes} Default=NO MaxTime=24:00:00 State=UP
"""

ACCOUNTING = """\
AccountingStorageHost=127.0.0.1
AccountingStoragePort={ports[slurmdbd]}
AccountingStoragePass={folder}/munge/socket
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations,limits
"""

DATABASE = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={ports[slurmdbd]}
SlurmUser={user}
LogFile={folder}/log/slurmdbd.log
PidFile={folder}/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={ports[mariadb]}
StorageUser=root
StorageLoc=slurm_acct_db
"""


def missing_programs(accounting: bool) -> list[str]:
    """Names of programs that are not installed."""
    wanted = [*PROGRAMS, *(ACCOUNTING_PROGRAMS if accounting else ())]
    return [name for name in wanted if shutil.which(name) is None]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], Any], seconds: float, what: str) -> None:
    """Wait for something to become true; a TimeoutError says what it was."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.2)


class Cluster:
    """A running cluster; a context manager that stops it.

    Attributes
    ----------
    environment
        Variables with which commands (``sbatch``, ``snakemake``) find the cluster.
    """

    def __init__(
        self,
        folder: Path,
        accounting: bool = False,
        nodes: int = 1,
        cpus: int = 16,
        memory: int = 64_000,
        gpus: int = 4,
        slurmd_timeout: int = 60,
    ) -> None:
        self.folder = folder
        self.accounting = accounting
        self.nodes = [f"node{number}" for number in range(1, nodes + 1)]
        self.ports = {name: free_port() for name in ("slurmctld", "slurmdbd", "mariadb")}
        self.node_ports = [free_port() for _ in self.nodes]
        self.slurmd_timeout = slurmd_timeout
        self.database: subprocess.Popen[bytes] | None = None
        self.size = {"cpus": cpus, "memory": memory, "gpus": gpus}
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(folder / "etc/slurm.conf"),
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        }

    def __enter__(self) -> "Cluster":
        try:
            self._write()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            self.stop(f"slurmd-{node}")
        for name in ("slurmctld", "slurmdbd", "mariadb", "munged"):
            self.stop(name)
        # Some processes outlive their job.
        self.send(signal.SIGKILL)

    def run(self, *command: str, **keywords: Any) -> subprocess.CompletedProcess[str]:
        """Run a command of Slurm's; raises if it fails."""
        return subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True, **keywords
        )

    def jobs(self) -> list[dict[str, str]]:
        """All jobs, those that ended included: id, state, comment (rule), node, memory, limit."""
        fields = {"id": "%i", "state": "%T", "comment": "%k", "node": "%N"}
        fields |= {"memory": "%m", "limit": "%l"}
        lines = self.run("squeue", "-h", "-a", "-t", "all", "-o", "|".join(fields.values())).stdout
        return [dict(zip(fields, line.split("|"), strict=True)) for line in lines.splitlines()]

    def send(self, number: signal.Signals, job: str | None = None) -> None:
        """Send a signal to all processes of a job, or of all jobs of this cluster."""
        ours = f"PATH={self.folder / 'bin'}:".encode()
        mark = b"SLURM_JOB_ID=" + (b"" if job is None else f"{job}\0".encode())
        for process in Path("/proc").glob("[0-9]*"):
            try:
                environment = b"\0" + (process / "environ").read_bytes()
                if b"\0" + ours in environment and b"\0" + mark in environment:
                    os.kill(int(process.name), number)
            except OSError:
                continue

    def start_node(self, node: str) -> None:
        """Start a node's daemon."""
        self.run("slurmd", "-f", self.environment["SLURM_CONF"], "-N", node)

    def stop(self, name: str, kill: bool = False) -> None:
        """Stop a daemon of the cluster, if it runs."""
        path = self.folder / "run" / f"{name}.pid"
        try:
            process = int(path.read_text())
            os.kill(process, 9 if kill else 15)
        except (OSError, ValueError):
            return

        def gone() -> bool:
            if self.database is not None:
                self.database.poll()
            return not Path(f"/proc/{process}").exists()

        try:
            wait_until(gone, 15, f"end of {name}")
        except TimeoutError:
            os.kill(process, 9)
        path.unlink(missing_ok=True)

    # -- files --------------------------------------------------------------------------------

    def _write(self) -> None:
        for name in ("etc", "run", "log", "state", "devices", "munge", "bin"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "munge").chmod(0o700)
        key = self.folder / "munge/key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout
        values = {
            "folder": self.folder,
            "host": socket.gethostname().split(".")[0],
            "user": user.strip(),
            "ports": self.ports,
            "nodes": ",".join(self.nodes),
            "node_ports": ",".join(map(str, self.node_ports)),
            "slurmd_timeout": self.slurmd_timeout,
            "accounting": "slurmdbd" if self.accounting else "none",
            **self.size,
        }
        lines = ACCOUNTING.format(**values) if self.accounting else ""
        etc = self.folder / "etc"
        (etc / "slurm.conf").write_text(CONFIGURATION.format(**values, accounting_lines=lines))
        (etc / "cgroup.conf").write_text("CgroupAutomount=no\nConstrainDevices=no\n")
        count = self.size["gpus"]
        for number in range(count):
            (self.folder / f"devices/nvidia{number}").symlink_to("/dev/null")
        (etc / "gres.conf").write_text(
            f"NodeName={values['nodes']} Name=gpu Type=imitation "
            f"File={self.folder}/devices/nvidia[0-{count - 1}]\n"
        )
        database = etc / "slurmdbd.conf"
        database.write_text(DATABASE.format(**values))
        database.chmod(0o600)
        # Inside jobs the executor takes SLURM_CONF away before it calls srun.
        wrapper = self.folder / "bin/srun"
        wrapper.write_text(
            f'#!/bin/sh\nSLURM_CONF={etc}/slurm.conf exec {shutil.which("srun")} "$@"\n'
        )
        wrapper.chmod(0o755)

    # -- daemons ------------------------------------------------------------------------------

    def _start(self) -> None:
        munge, log, run = (self.folder / name for name in ("munge", "log", "run"))
        self.run(
            *("munged", "--force", f"--socket={munge}/socket", f"--key-file={munge}/key"),
            *(f"--pid-file={run}/munged.pid", f"--log-file={log}/munged.log"),
            f"--seed-file={munge}/seed",
        )
        self._answers(["munge", "-n", "-S", f"{munge}/socket"], 10)
        if self.accounting:
            self._start_accounting()
        self.run("slurmctld", "-f", self.environment["SLURM_CONF"])
        self._answers(["scontrol", "ping"], 20)
        for node in self.nodes:
            self.start_node(node)
        wait_until(self.idle, 30, "idle nodes")

    def idle(self) -> bool:
        """Whether all nodes wait for jobs."""
        states = self.run("sinfo", "-h", "-N", "-o", "%T").stdout.split()
        return set(states) == {"idle"}

    def _start_accounting(self) -> None:
        data, log = self.folder / "mariadb", self.folder / "log/mariadb.log"
        data.mkdir()
        owner = [] if os.getuid() else ["--user=mysql"]
        if owner:
            shutil.chown(data, "mysql", "mysql")
        self.run(
            *("mariadb-install-db", "--no-defaults", *owner, f"--datadir={data}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db"),
        )
        address = f"--port={self.ports['mariadb']}"
        with log.open("w") as stream:
            self.database = subprocess.Popen(
                [
                    *("mariadbd", "--no-defaults", *owner, f"--datadir={data}", address),
                    *(f"--socket={data}/socket", "--bind-address=127.0.0.1", "--skip-log-bin"),
                    *("--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900"),
                ],
                stdout=stream,
                stderr=stream,
            )
        (self.folder / "run/mariadb.pid").write_text(str(self.database.pid))
        client = ["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", address, "--user=root"]
        self._answers(["mariadb-admin", *client, "ping"], 30)
        self.run("mariadb-admin", *client, "create", "slurm_acct_db")
        self.run("slurmdbd")
        self._answers(["sacctmgr", "-n", "show", "cluster"], 30)
        user = self.run("id", "-un").stdout.strip()
        for words in (
            ["cluster", "test"],
            ["account", "research", "Description=test", "Organization=test"],
            ["user", user, "Account=research", "DefaultAccount=research"],
        ):
            self.run("sacctmgr", "-i", "-Q", "add", *words)

    def _answers(self, command: Sequence[str], seconds: float) -> None:
        def answers() -> bool:
            found = subprocess.run(command, env=self.environment, capture_output=True, check=False)
            return found.returncode == 0

        wait_until(answers, seconds, " ".join(command))
