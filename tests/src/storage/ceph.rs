//! An S3 server that keeps its data on disk: Ceph, of one monitor, one disk in a folder, and the gateway.
//!
//! ```text
//! FOLDER/ceph.conf, keyring, monmap
//! FOLDER/mon, osd     what survives
//! FOLDER/run, log     sockets, and what the processes say
//! ```
//!
//! Everything listens on 127.0.0.1 and asks nobody who he is, but the gateway, which has one user.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{BUCKET, KEY, free_port};
use crate::tools;

/// A cluster that keeps what it has when its processes are killed, and ends with its owner.
pub struct Ceph {
    folder: PathBuf,
    gateway_port: u16,
    monitor: Option<Child>,
    disk: Option<Child>,
    gateway: Option<Child>,
}

/// How long a process may take until it can be used.
const PATIENCE: Duration = Duration::from_secs(120);

impl Ceph {
    /// Makes a cluster in an empty folder, with a bucket, and starts it.
    ///
    /// # Errors
    ///
    /// When Ceph is not installed (`cargo xtask setup` does that), or does not start.
    pub fn make(folder: &Path) -> Result<Self, String> {
        for name in ["mon", "osd", "run", "log"] {
            fs::create_dir_all(folder.join(name)).map_err(|error| error.to_string())?;
        }
        let (monitor_port, gateway_port) = (free_port()?, free_port()?);
        let fsid = uuid()?;
        let conf = configuration(folder, &fsid, monitor_port, gateway_port);
        fs::write(folder.join("ceph.conf"), conf).map_err(|error| error.to_string())?;
        let mut ceph =
            Self { folder: folder.to_owned(), gateway_port, monitor: None, disk: None, gateway: None };
        let address = format!("[v2:127.0.0.1:{monitor_port}]");
        let map = folder.join("monmap").display().to_string();
        let keyring = folder.join("keyring").display().to_string();
        ceph.run("monmaptool", &["--create", "--addv", "a", &address, "--fsid", &fsid, &map])?;
        ceph.run("ceph-authtool", &["--create-keyring", &keyring, "--gen-key", "-n", "client.gateway"])?;
        ceph.run("ceph-mon", &["-i", "a", "--mkfs", "--monmap", &map])?;
        ceph.monitor = Some(ceph.spawn("ceph-mon", &["-i", "a", "-f"])?);
        let disk = uuid()?;
        ceph.run("ceph", &["osd", "new", &disk, "0"])?;
        ceph.run("ceph-osd", &["-i", "0", "--mkfs", "--osd-uuid", &disk])?;
        ceph.start()?;
        let user = ["user", "create", "--uid", KEY, "--display-name", KEY, "--access-key", KEY];
        ceph.run("radosgw-admin", &[&user[..], &["--secret-key", KEY]].concat())?;
        ceph.make_bucket()?;
        Ok(ceph)
    }

    /// Where the gateway is, as [`super::open_store`] takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.gateway_port)
    }

    /// Starts what does not run, and waits until it can be used.
    ///
    /// # Errors
    ///
    /// When that takes more than two minutes.
    pub fn start(&mut self) -> Result<(), String> {
        if self.monitor.is_none() {
            self.monitor = Some(self.spawn("ceph-mon", &["-i", "a", "-f"])?);
        }
        if self.disk.is_none() {
            self.disk = Some(self.spawn("ceph-osd", &["-i", "0", "-f"])?);
        }
        // A gateway that is there before the disk looks for it where it was, for long.
        self.wait("the disk", |ceph| ceph.is_disk_active())?;
        if self.gateway.is_none() {
            self.gateway = Some(self.spawn("radosgw", &["-n", "client.gateway", "-f"])?);
        }
        self.wait("the gateway", |ceph| ceph.is_gateway_there())
    }

    /// Kills everything with SIGKILL.
    pub fn kill(&mut self) {
        self.kill_gateway();
        end(&mut self.disk);
        end(&mut self.monitor);
    }

    /// Kills the gateway with SIGKILL; the disk goes on.
    pub fn kill_gateway(&mut self) {
        end(&mut self.gateway);
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.env("CEPH_CONF", self.folder.join("ceph.conf")).args(arguments).stdin(Stdio::null());
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let output = self.command(program, arguments).output().map_err(|error| lacking(program, &error))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    fn spawn(&self, program: &str, arguments: &[&str]) -> Result<Child, String> {
        let out = fs::File::create(self.folder.join("log").join(format!("{program}.out")));
        let out = out.map_err(|error| error.to_string())?;
        let mut command = self.command(program, arguments);
        let errors = out.try_clone().map_err(|error| error.to_string())?;
        command.stdout(out).stderr(errors).spawn().map_err(|error| lacking(program, &error))
    }

    fn wait(&self, what: &str, is_there: impl Fn(&Self) -> bool) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while !is_there(self) {
            if Instant::now() > deadline {
                return Err(format!("{what} of {} does not come", self.folder.display()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Asks the disk's process by its socket, as `ceph daemon osd.0 status` does.
    fn is_disk_active(&self) -> bool {
        let answer = || {
            let mut socket = UnixStream::connect(self.folder.join("run/osd.0.asok"))?;
            socket.set_read_timeout(Some(Duration::from_secs(5)))?;
            socket.write_all(b"{\"prefix\": \"status\"}\0")?;
            let mut answer = Vec::new();
            socket.read_to_end(&mut answer)?;
            std::io::Result::Ok(answer)
        };
        answer().is_ok_and(|answer| String::from_utf8_lossy(&answer).contains("\"state\": \"active\""))
    }

    fn is_gateway_there(&self) -> bool {
        let answer = || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.gateway_port))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
            let mut answer = [0; 12];
            stream.read_exact(&mut answer)?;
            std::io::Result::Ok(answer)
        };
        answer().is_ok_and(|answer| answer.ends_with(b" 200"))
    }

    /// There is nothing of Ceph's own for that. moto, which the tests have anyway, brings a client of S3.
    fn make_bucket(&self) -> Result<(), String> {
        let script = format!(
            "import boto3; boto3.client('s3', endpoint_url='{}', region_name='us-east-1', \
             aws_access_key_id='{KEY}', aws_secret_access_key='{KEY}').create_bucket(Bucket='{BUCKET}')",
            self.url()
        );
        let python = tools::python();
        self.run(&python.to_string_lossy(), &["-c", &script])
    }
}

impl Drop for Ceph {
    fn drop(&mut self) {
        self.kill();
    }
}

fn end(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn lacking(program: &str, error: &std::io::Error) -> String {
    if error.kind() == ErrorKind::NotFound {
        return format!("{program} is missing: `cargo xtask setup` installs it");
    }
    format!("{program}: {error}")
}

fn uuid() -> Result<String, String> {
    let uuid = fs::read_to_string("/proc/sys/kernel/random/uuid").map_err(|error| error.to_string())?;
    Ok(uuid.trim().to_owned())
}

/// One disk, so one copy of everything; nobody else, so no keys; and intervals that are short, since nobody waits for
/// anybody. The disk may be as full as that of this machine. A gateway that has a cache waits half a minute for the one that
/// was killed. What keeps the bytes is FileStore: after some eighty kills BlueStore of Ceph 16.2 did not start again, with
/// a checksum of its own wrong.
fn configuration(folder: &Path, fsid: &str, monitor_port: u16, gateway_port: u16) -> String {
    let folder = folder.display();
    format!(
        "[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{monitor_port}]
mon initial members = a
public network = 127.0.0.0/8
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
mon data = {folder}/mon
mon allow pool size one = true
mon tick interval = 1
paxos propose interval = 0.05
paxos min wait = 0.01
mon osd full ratio = 0.99
mon osd backfillfull ratio = 0.99
mon osd nearfull ratio = 0.99
osd failsafe full ratio = 1.0
osd data = {folder}/osd
osd objectstore = filestore
osd journal = {folder}/osd/journal
osd journal size = 128
osd max object name len = 256
osd max object namespace len = 64
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
pid file = {folder}/run/$name.pid
log file = {folder}/log/$name.log
[client.gateway]
keyring = {folder}/keyring
ms mon client mode = crc
ms mon service mode = crc
rgw data = {folder}/run
rgw frontends = beast endpoint=127.0.0.1:{gateway_port}
rgw cache enabled = false
rgw gc obj min wait = 1
rgw gc processor period = 5
"
    )
}
