//! The operating guide, tried step by step as a new operator would: its own commands, in its order.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use samenloop_tests::Story;

use crate::SERVICE;

const GUIDE: &str = include_str!("../../docs/operating.md");

/// What the guide leaves to whoever reads it: the port, and what an auditor writes down.
fn script(port: u16) -> String {
    let status = "samenloop-service round status --config samenloop/coordinator.toml";
    let answers = |wanted: &str| {
        format!(
            "for try in $(seq 200); do {wanted} > told 2>&1 && break; sleep 0.1; done; {wanted}\n"
        )
    };
    let partner = |dir: &str, role: &str| {
        format!(
            "printf 'endpoint = \"https://127.0.0.1:{port}\"\\nca = \"{dir}/authority.pem\"\\n\
             certificate = \"{dir}/{role}.pem\"\\nkey = \"{dir}/{role}.key\"\\nledger_key = \"%s\"\\n' \
             \"$(samenloop-service ledger-key --config samenloop/service.toml)\""
        )
    };
    let mut text = "set -eux\ntrap 'kill $(jobs -p) 2> gone || true' EXIT\n".to_owned();
    for command in GUIDE.lines().filter_map(|line| line.strip_prefix("$ ")) {
        match command.strip_suffix(" &") {
            Some(serve) => {
                text += &format!("{serve} >> out 2>> samenloop.log & echo $! > samenloop.pid\n");
                text += &answers(status);
            }
            None if command.contains(" init ") => text += &format!("{command} --port {port}\n"),
            None => text += &format!("{command}\n"),
        }
        if command.contains("--role auditor") {
            text += &(partner("for-toezicht", "toezicht") + " > audit.toml\n");
            text += &(partner("for-ggd", "ggd") + " > ggd.toml\nsamenloop-partner-check\n");
        }
        if command.starts_with("cp samenloop/authority/revoked.pem") {
            text += "touch revoking\n";
        }
        if command.starts_with("kill -HUP") {
            // Until the log says so; a certificate that was revoked is then shut out.
            text += "for try in $(seq 100); do [ $(grep -c 'read again and' samenloop.log) -gt \
                     $(cat reloads) ] && break; sleep 0.1; done\n\
                     grep -c 'read again and' samenloop.log > reloads\n\
                     if samenloop-partner-check; then echo let in; exit 1; fi\n";
        }
        if command.starts_with("kill $(") {
            text += "wait $(cat samenloop.pid)\n";
        }
    }
    text
}

#[test]
fn the_operating_guide_works_step_by_step() -> Story {
    let folder = tempfile::tempdir()?;
    let programs = folder.path().join("programs");
    fs::create_dir(&programs)?;
    for room in ["service", "audit", "partner"] {
        let built = Path::new(SERVICE).with_file_name(format!("samenloop-{room}-under-test"));
        symlink(built, programs.join(format!("samenloop-{room}")))?;
    }
    // A call of the partner whose certificate the guide revokes.
    let check = "#!/bin/sh\nexec samenloop-audit verify --config ggd.toml > checked 2>&1 || \
                 grep -q withheld checked\n";
    let check_path = programs.join("samenloop-partner-check");
    fs::write(&check_path, check.replace("exec ", ""))?;
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&check_path, executable)?;
    fs::write(folder.path().join("reloads"), "0")?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let path = std::env::var("PATH").context("a PATH")?;
    let commands = GUIDE.lines().filter(|line| line.starts_with("$ ")).count();
    ensure!(commands > 15, "the guide has its commands: {commands}");
    let done = Command::new("bash")
        .args(["-c", &script(port)])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", programs.display()))
        .output()?;
    let told = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{told}\n{}", String::from_utf8_lossy(&done.stdout));
    let page = fs::read_to_string(folder.path().join("report.html"))?;
    ensure!(page.contains("Nothing was found."), "{page}");
    let log = fs::read_to_string(folder.path().join("samenloop.log"))?;
    ensure!(!log.contains("last stop was not in order"), "{log}");
    Ok(())
}
