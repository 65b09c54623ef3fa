//! What the tests need besides crates: Debian packages, a Python environment, npm packages, the public test suite.
//!
//! Versions are pinned here. Each part leaves a note of what it installed and does nothing while that is what is
//! asked for, so a second run takes a second.

use std::fs::{self, File};
use std::path::Path;

use crate::Failure;
use crate::process::{first_line, read_text};
use crate::session::Session;
use crate::workspace::Workspace;

const PYTHON_PACKAGES: &[&str] = &[
    "aiotus==1.1.0",
    "h2==4.4.0",
    "hypercorn==0.18.0",
    "localbucket==1.2.1",
    "moto[server]==5.2.5",
    "tuspy==1.1.0",
    "websockets==17.4",
    "wsproto==1.3.0",
];

/// The manifest that npm installs from. Browsers are Debian's: puppeteer-core brings none. bun, deno and typescript are
/// for the browser package: to run it in, and to check its types.
const NPM_MANIFEST: &str = r#"{
  "private": true,
  "dependencies": {
    "@uppy/core": "6.3.1",
    "@uppy/tus": "6.0.0",
    "bun": "1.4.5",
    "deno": "2.9.6",
    "puppeteer-core": "24.43.1",
    "tus-js-client": "4.3.1",
    "typescript": "7.0.2",
    "ws": "8.23.0"
  }
}
"#;

/// What the tests need.
const SYSTEM: &Packages = &[
    (&["chromium", "--version"], &["chromium"]),
    (&["firefox-esr", "--version"], &["firefox-esr"]),
    (&["which", "certutil"], &["libnss3-tools"]),
    (&["openssl", "version"], &["openssl"]),
    (&["curl", "--version"], &["curl"]),
    (&["which", "tinyproxy"], &["tinyproxy-bin"]),
    (&["which", "microsocks"], &["microsocks"]),
    // Daemons, which are not in the path of everybody.
    (&["sh", "-c", "PATH=$PATH:/usr/sbin nginx -v 2>&1"], &["nginx"]),
    (&["sh", "-c", "PATH=$PATH:/usr/sbin haproxy -v"], &["haproxy"]),
    (&["sh", "-c", "PATH=$PATH:/usr/sbin nghttpx --version"], &["nghttp2-proxy"]),
    (&["python3", "-c", "import ensurepip, venv; print('there')"], &["python3", "python3-venv"]),
    // An S3 server that keeps its data on disk.
    (
        &["sh", "-c", "radosgw --version && ceph-mon --version && ceph-osd --version && ceph --version"],
        &["ceph-mon", "ceph-osd", "radosgw"],
    ),
    (&["valgrind", "--version"], &["valgrind"]),
    (&["node", "--version"], &["nodejs"]),
    (&["npm", "--version"], &["npm"]),
];

/// What the comparison of channels needs besides.
const CHANNELS: &Packages =
    &[(&["ls", "/usr/lib/nginx/modules/ngx_nchan_module.so"], &["libnginx-mod-nchan"])];

/// Installs nginx with its module for channels, for `cargo xtask bench --channels`.
pub(crate) fn channels(workspace: &Workspace, session: &mut Session) -> Result<(), Failure> {
    system_packages(workspace, session, CHANNELS)
}

/// Installs the servers of uploads that are written in Python, for `cargo xtask bench --uploads`, into a folder of their own.
/// If they cannot be, they are left out, and the comparison says so.
pub(crate) fn upload_peers(workspace: &Workspace, session: &mut Session, venv: &Path) -> Result<(), Failure> {
    let wanted = read_text(&workspace.root.join("bench/python/requirements.txt"));
    let note = venv.join("installed.txt");
    if read_text(&note) == wanted {
        return Ok(());
    }
    remove(venv)?;
    session.must(workspace.command("python3", &["-m", "venv"]).arg(venv))?;
    let pip = &["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "-r"];
    let mut install = workspace.command(venv.join("bin/python"), pip);
    if session.run(install.arg("bench/python/requirements.txt"))? {
        return fs::write(&note, wanted).map_err(Failure::because(note.display()));
    }
    remove(venv)
}

/// Installs what is missing.
pub(crate) fn run(workspace: &Workspace, session: &mut Session) -> Result<(), Failure> {
    fs::create_dir_all(&workspace.tools).map_err(Failure::because(workspace.tools.display()))?;
    let path = workspace.tools.join(".lock");
    let lock = File::create(&path).map_err(Failure::because(path.display()))?;
    // Two runs in one checkout take turns; the lock goes when the file is closed.
    lock.lock().map_err(Failure::because(path.display()))?;
    system_packages(workspace, session, SYSTEM)?;
    python_packages(workspace, session)?;
    npm_packages(workspace, session)?;
    session.must(&mut autobahn_command(workspace, &["install"]))
}

/// Our runner of the public test suite, for one of its commands.
pub(crate) fn autobahn_command(workspace: &Workspace, arguments: &[&str]) -> std::process::Command {
    let mut command = workspace.command("python3", &["tests/tools/autobahn.py"]);
    command.args(arguments).arg("--venv").arg(workspace.tools.join("autobahn"));
    command
}

/// A way to see that something is there, and the Debian packages that bring it.
type Packages = [(&'static [&'static str], &'static [&'static str])];

fn system_packages(workspace: &Workspace, session: &mut Session, wanted: &Packages) -> Result<(), Failure> {
    let missing = missing_packages(workspace, wanted);
    if missing.is_empty() {
        return Ok(());
    }
    let root = first_line(&mut workspace.command("id", &["-u"])).is_some_and(|id| id == "0");
    let debian = first_line(&mut workspace.command("apt-get", &["--version"])).is_some();
    if !root || !debian {
        return Err(Failure(format!(
            "these Debian packages are needed (or what they bring): {0}\n\
             install them with: sudo apt-get install {0}",
            missing.join(" ")
        )));
    }
    session.must(&mut apt_get(workspace, &["update", "-q"]))?;
    session.must(apt_get(workspace, &["install", "-q", "-y", "--no-install-recommends"]).args(&missing))?;
    match missing_packages(workspace, wanted) {
        missing if missing.is_empty() => Ok(()),
        missing => Err(Failure(format!("installed, but still not usable: {}", missing.join(" ")))),
    }
}

fn missing_packages(workspace: &Workspace, wanted: &Packages) -> Vec<&'static str> {
    let there = |probe: &[&str]| {
        probe.split_first().is_some_and(|(program, arguments)| {
            first_line(&mut workspace.command(program, arguments)).is_some()
        })
    };
    wanted.iter().filter(|(probe, _)| !there(probe)).flat_map(|(_, packages)| *packages).copied().collect()
}

fn apt_get(workspace: &Workspace, arguments: &[&str]) -> std::process::Command {
    let mut command = workspace.command("apt-get", arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn python_packages(workspace: &Workspace, session: &mut Session) -> Result<(), Failure> {
    let venv = workspace.tools.join("venv");
    let interpreter = first_line(&mut workspace.command("python3", &["--version"])).unwrap_or_default();
    let wanted = format!("{interpreter}\n{}\n", PYTHON_PACKAGES.join("\n"));
    let note = venv.join("installed.txt");
    if read_text(&note) == wanted {
        return Ok(());
    }
    remove(&venv)?;
    session.must(workspace.command("python3", &["-m", "venv"]).arg(&venv))?;
    let pip = &["-m", "pip", "--disable-pip-version-check", "install", "--quiet"];
    session.must(workspace.command(venv.join("bin/python"), pip).args(PYTHON_PACKAGES))?;
    fs::write(&note, wanted).map_err(Failure::because(note.display()))
}

fn npm_packages(workspace: &Workspace, session: &mut Session) -> Result<(), Failure> {
    let modules = workspace.tools.join("node_modules");
    let note = modules.join(".installed.json");
    if read_text(&note) == NPM_MANIFEST {
        return Ok(());
    }
    remove(&modules)?;
    let manifest = workspace.tools.join("package.json");
    fs::write(&manifest, NPM_MANIFEST).map_err(Failure::because(manifest.display()))?;
    let quiet = &["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"];
    session.must(workspace.command("npm", quiet).current_dir(&workspace.tools))?;
    fs::write(&note, NPM_MANIFEST).map_err(Failure::because(note.display()))
}

fn remove(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Failure::because(folder.display()))?;
    }
    Ok(())
}
