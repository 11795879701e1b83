use std::fs;

/// Returns how to install PostgreSQL on this machine, such as `` `apt-get install postgresql` ``.
pub(crate) fn install_command() -> String {
    if cfg!(target_os = "macos") {
        return "`brew install postgresql@17`".to_owned();
    }
    command_for(&fs::read_to_string("/etc/os-release").unwrap_or_default()).to_owned()
}

fn command_for(os_release: &str) -> &'static str {
    let systems: Vec<_> = os_release
        .lines()
        .filter_map(|line| {
            line.strip_prefix("ID=")
                .or_else(|| line.strip_prefix("ID_LIKE="))
        })
        .flat_map(|systems| systems.trim_matches('"').split(' '))
        .collect();
    for (system, command) in [
        ("debian", "`apt-get install postgresql`"),
        ("ubuntu", "`apt-get install postgresql`"),
        ("fedora", "`dnf install postgresql-server`"),
        ("rhel", "`dnf install postgresql-server`"),
        ("alpine", "`apk add postgresql`"),
        ("arch", "`pacman -S postgresql`"),
        ("suse", "`zypper install postgresql-server`"),
        ("opensuse", "`zypper install postgresql-server`"),
    ] {
        if systems.contains(&system) {
            return command;
        }
    }
    "your system's package of the PostgreSQL server"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_fits_the_operating_system() {
        assert_eq!(
            command_for("ID=ubuntu\nID_LIKE=debian\n"),
            "`apt-get install postgresql`"
        );
        assert_eq!(
            command_for("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"),
            "`dnf install postgresql-server`"
        );
        assert_eq!(
            command_for(""),
            "your system's package of the PostgreSQL server"
        );
    }
}
