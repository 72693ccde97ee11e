//! Topics that are probably not what was meant: what the shell has made of them.

/// What is odd about a topic or a filter, in one line, and what to write.
#[must_use]
pub fn suspect(topic: &str) -> Option<String> {
    let inner = topic.get(1..topic.len().saturating_sub(1)).unwrap_or_default();
    let quoted = |quote| topic.starts_with(quote) && topic.ends_with(quote) && !inner.is_empty();
    if topic == "/#" || topic.starts_with("/broker/") {
        let meant = topic.trim_start_matches('/');
        return Some(format!("{topic:?}: in double quotes the shell takes $SYS away; write '$SYS/{meant}'"));
    }
    if let Some(own) = behind_git(topic) {
        return Some(format!(
            "{topic:?}: Git for Windows makes a path of a word that begins with '/'; write //{own}, or set MSYS_NO_PATHCONV=1"
        ));
    }
    if quoted('\'') || quoted('"') {
        return Some(format!("{topic:?}: the quotes are part of the topic; write {inner}"));
    }
    if topic.split('/').any(|level| level == "*") {
        return Some(format!(
            "{topic:?}: * is not an MQTT wildcard: + matches one level, and a final # everything below"
        ));
    }
    None
}

/// The same for a filter on which nothing came: what is odd only then.
#[must_use]
pub fn suspect_of_silence(filter: &str) -> Option<String> {
    suspect(filter).or_else(|| {
        filter.starts_with('/').then(|| {
            format!("{filter:?} begins with '/': if that was $SYS or $share, the shell has taken it away; use single quotes")
        })
    })
}

/// `/a` of `C:/Program Files/Git/a`
fn behind_git(topic: &str) -> Option<&str> {
    let (drive, path) = topic.split_once(":/")?;
    if !(drive.len() == 1 && drive.bytes().all(|letter| letter.is_ascii_alphabetic())) {
        return None;
    }
    let lower = path.to_ascii_lowercase();
    let end = ["/git/", "/msys64/", "/msys32/"].iter().find_map(|folder| {
        let at = format!("/{lower}").find(folder)?;
        Some((at + folder.len()).saturating_sub(1))
    })?;
    // `/` precedes it for a folder at the root of the drive.
    path.get(end..).map(|own| own.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_shell_has_made_of_a_topic_is_named() {
        for (topic, told) in [
            ("/#", Some("write '$SYS/#'")),
            ("/broker/uptime", Some("write '$SYS/broker/uptime'")),
            ("'a/b'", Some("write a/b")),
            ("\"a/b\"", Some("write a/b")),
            ("a/*/b", Some("* is not an MQTT wildcard")),
            ("*", Some("* is not an MQTT wildcard")),
            ("C:/Program Files/Git/home/lamp", Some("write //home/lamp,")),
            ("C:/msys64/home", Some("write //home,")),
            ("D:/data/x", None),
            ("a*b/c", None),
            ("'", None),
            ("''", None),
            ("/a", None),
            ("$SYS/#", None),
            ("ä", None),
            ("", None),
        ] {
            match (suspect(topic), told) {
                (Some(text), Some(told)) => assert!(text.contains(told), "{topic:?}: {text}"),
                (text, told) => assert_eq!(text.as_deref(), told, "{topic}"),
            }
        }
        assert!(suspect_of_silence("/group/a").unwrap().contains("$share"));
        assert_eq!(suspect_of_silence("a/b"), None);
    }
}
