//! A server with a folder, a proxy before it, and files to upload.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::process::{GUARD, Left, Tidegate};
use crate::proxy::Proxy;

pub(crate) const MIB: u64 = 1024 * 1024;

/// All that a test has, in a folder of its own, which goes with it.
pub(crate) struct Scene {
    folder: PathBuf,
    server: Tidegate,
    words: Vec<String>,
    address: SocketAddr,
    pub(crate) proxy: Proxy,
}

impl Scene {
    /// `tidegate serve`.
    pub(crate) fn new(name: &str) -> Self {
        Self::of(name, &["serve"])
    }

    /// `tidegate demo`.
    pub(crate) fn demo(name: &str) -> Self {
        Self::of(name, &["demo"])
    }

    /// `tidegate serve`, for pages of another origin.
    pub(crate) fn open_to(name: &str, origin: &str) -> Self {
        Self::of(name, &["serve", "--allow-origin", origin])
    }

    fn of(name: &str, words: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("tidegate-uploads-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let (server, address) = serve(&folder, &words);
        Self { folder, server, words, address, proxy: Proxy::start(address) }
    }

    /// Where uploads are created, behind the proxy.
    pub(crate) fn url(&self) -> String {
        self.proxy.url("/uploads")
    }

    /// The server itself.
    pub(crate) fn direct(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Whether a file of this hash is in the folder of the uploads.
    pub(crate) fn has_stored(&self, expected: &str) -> bool {
        let mut folders = vec![self.folder.join("uploads")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if hash(&fs::read(&path).unwrap()) == expected {
                    return true;
                }
            }
        }
        false
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// A new file of so many bytes, and their hash.
    pub(crate) fn file(&self, name: &str, bytes: u64) -> (String, String) {
        let content = content(bytes, name);
        let path = self.path(name);
        fs::write(&path, &content).unwrap();
        (path, hash(&content))
    }

    /// Starts `tidegate upload` with these arguments.
    pub(crate) fn start<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Tidegate {
        let state = self.folder.join("state");
        let args = ["upload"].into_iter().chain(args);
        Tidegate::start_with(args, [("XDG_STATE_HOME", state.as_path())])
    }

    /// Runs it to its end.
    pub(crate) fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Left {
        self.start(args).finish()
    }

    /// How many uploads are remembered.
    pub(crate) fn remembered(&self) -> usize {
        fs::read_dir(self.folder.join("state/tidegate/uploads")).map_or(0, Iterator::count)
    }

    /// Kills the server, which hears nothing of it, and starts another one with the same folder.
    pub(crate) fn kill_server(&mut self) {
        self.server.signal("KILL");
        self.server.finish();
        (self.server, self.address) = serve(&self.folder, &self.words);
        self.proxy.leads_to(self.address);
    }

    /// The hash of what the server gives for the URL that was told, which it gives as a file.
    pub(crate) fn uploaded(&self, left: &Left) -> String {
        assert_eq!(left.code, Some(0), "{}", left.stderr);
        let url = String::from_utf8(left.stdout.clone()).unwrap();
        self.download(url.trim_end())
    }

    /// The hash of what the server gives for a URL.
    pub(crate) fn download(&self, url: &str) -> String {
        let path = &url[url.find("/uploads/").unwrap_or_else(|| panic!("{url:?} is no upload"))..];
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(GUARD)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("there is a head");
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        assert!(head.contains("\r\ncontent-disposition: attachment"), "{head}");
        assert!(!head.contains("\r\ntransfer-encoding:"), "{head}");
        hash(&answer[end + 4..])
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.server.signal("KILL");
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn serve(folder: &Path, words: &[String]) -> (Tidegate, SocketAddr) {
    let uploads = folder.join("uploads");
    let more = ["--listen", "127.0.0.1:0", "--uploads", uploads.to_str().unwrap()];
    let mut server = Tidegate::start(words.iter().map(String::as_str).chain(more));
    let url = server.stdout_line();
    (server, url.trim_start_matches("http://").parse().unwrap())
}

/// Bytes that look like chance, the same for the same name.
pub(crate) fn content(bytes: u64, name: &str) -> Vec<u8> {
    let mut x = name.bytes().fold(0x9e37_79b9_7f4a_7c15, |x: u64, byte| x.rotate_left(9) ^ u64::from(byte));
    let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap() + 8);
    while (content.len() as u64) < bytes {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        content.extend_from_slice(&x.to_le_bytes());
    }
    content.truncate(usize::try_from(bytes).unwrap());
    content
}

pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
