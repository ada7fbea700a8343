//! Where a control plane keeps its data unless it is told.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// `$XDG_DATA_HOME/countersign/NAME`, else `~/.local/share/countersign/NAME`, else
/// `./countersign-data`.
pub(crate) fn default_for(name: &str) -> PathBuf {
    chosen(std::env::var_os("XDG_DATA_HOME"), std::env::var_os("HOME"), name)
}

fn chosen(data_home: Option<OsString>, home: Option<OsString>, name: &str) -> PathBuf {
    // The XDG rules ignore a path that is not absolute.
    let absolute =
        |path: Option<OsString>| path.map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(data_home)
        .or_else(|| absolute(home).map(|home| home.join(".local/share")))
        .map_or_else(
            || Path::new("countersign-data").to_owned(),
            |data| data.join("countersign").join(name),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_goes_where_the_user_keeps_data() {
        let chosen = |data_home: &str, home: &str| {
            let path = chosen(Some(data_home.into()), Some(home.into()), "dev");
            path.to_str().unwrap().to_owned()
        };
        assert_eq!(chosen("/data", "/home/me"), "/data/countersign/dev");
        assert_eq!(chosen("", "/home/me"), "/home/me/.local/share/countersign/dev");
        assert_eq!(chosen("relative", ""), "countersign-data");
    }
}
