//! Reverse proxies from Debian, each with a configuration of its own, on ports that are free.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use tidegate_tests::certificates::Certificates;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::wire::SOON;

/// A running proxy, which ends with this.
pub(crate) struct Proxy {
    /// Where it speaks plain HTTP, and where TLS.
    pub(crate) plain: u16,
    pub(crate) tls: u16,
    _process: Child,
    _folder: Folder,
}

/// A folder that goes with this.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name =
            format!("tidegate-embedding-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// nginx before a server that speaks plain HTTP, and before one that speaks TLS below `/tls`.
pub(crate) async fn nginx(plain: SocketAddr, tls: SocketAddr, pem: &Certificates) -> Proxy {
    let folder = Folder::new();
    folder.write("certificate.pem", &pem.chain);
    folder.write("key.pem", &pem.key);
    let (front, secure_front) = free_ports();
    let path = folder.0.display();
    let pass = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                proxy_set_header Connection upgrade; proxy_set_header Host $http_host; \
                proxy_set_header X-Real-IP $remote_addr;";
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {path}/{kind};\n"))
        .concat();
    let config = format!(
        "daemon off; master_process off; pid {path}/nginx.pid; error_log stderr;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n access_log off;\n{temporary}\
         server {{\n listen 127.0.0.1:{front}; listen 127.0.0.1:{secure_front} ssl;\n\
         ssl_certificate {path}/certificate.pem; ssl_certificate_key {path}/key.pem;\n\
         location / {{ proxy_pass http://{plain}; {pass} }}\n\
         location /tls {{ proxy_pass https://{tls}; {pass} }}\n}}\n}}\n"
    );
    let file = folder.write("nginx.conf", &config);
    let mut command = Command::new(find("nginx"));
    command.arg("-e").arg("stderr").arg("-p").arg(&folder.0).arg("-c").arg(file);
    start(command, front, secure_front, folder).await
}

/// HAProxy in the same place.
pub(crate) async fn haproxy(plain: SocketAddr, tls: SocketAddr, pem: &Certificates) -> Proxy {
    let folder = Folder::new();
    let both = folder.write("both.pem", &format!("{}{}", pem.chain, pem.key));
    let (front, secure_front) = free_ports();
    let config = format!(
        "global\n maxconn 256\n\
         defaults\n mode http\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n timeout tunnel 60s\n\
         frontend front\n bind 127.0.0.1:{front}\n bind 127.0.0.1:{secure_front} ssl crt {}\n\
         http-request set-header X-Real-IP %[src]\n\
         use_backend tls if {{ path_beg /tls }}\n default_backend plain\n\
         backend plain\n server plain {plain}\n\
         backend tls\n server tls {tls} ssl verify none\n",
        both.display()
    );
    let file = folder.write("haproxy.cfg", &config);
    let mut command = Command::new(find("haproxy"));
    command.arg("-db").arg("-q").arg("-f").arg(file);
    start(command, front, secure_front, folder).await
}

async fn start(mut command: Command, plain: u16, tls: u16, folder: Folder) -> Proxy {
    let process = command.stdin(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let listening = async {
        for port in [plain, tls] {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
    };
    tokio::time::timeout(SOON, listening).await.expect("the proxy listens");
    Proxy { plain, tls, _process: process, _folder: folder }
}

/// Debian keeps daemons where a user's path does not lead.
fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let mut files = folders.map(|folder| folder.join(program));
    files.find(|file| Path::is_file(file)).unwrap_or_else(|| panic!("no {program}: cargo xtask setup"))
}

/// Two ports that were free a moment ago.
fn free_ports() -> (u16, u16) {
    let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (one, other) = (listen(), listen());
    (one.local_addr().unwrap().port(), other.local_addr().unwrap().port())
}
