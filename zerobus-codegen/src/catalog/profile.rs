//! Parses the INI format of `~/.databrickscfg`: sections in brackets, `key = value` lines, comments after `#` or `;`.

/// The settings of one profile; an empty setting counts as missing.
#[derive(Default)]
pub(super) struct Profile {
    pub(super) host: Option<String>,
    pub(super) token: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<String>,
    pub(super) workspace_id: Option<String>,
}

/// Every profile of the file with its name, in order.
///
/// # Errors
/// With the number of a line that is neither a section, a setting nor a comment. Its text may be a secret, so it is not
/// shown.
pub(super) fn parse(text: &str) -> Result<Vec<(String, Profile)>, String> {
    let mut profiles: Vec<(String, Profile)> = Vec::new();
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            profiles.push((name.trim().to_owned(), Profile::default()));
            continue;
        }
        let (key, value) =
            line.split_once('=').ok_or_else(|| format!("line {number} is not `key = value`; correct it"))?;
        if profiles.is_empty() {
            profiles.push(("DEFAULT".to_owned(), Profile::default()));
        }
        if let Some((_, profile)) = profiles.last_mut() {
            profile.set(key.trim(), value.trim());
        }
    }
    Ok(profiles)
}

impl Profile {
    fn set(&mut self, key: &str, value: &str) {
        let setting = match key {
            "client_id" => &mut self.client_id,
            "client_secret" => &mut self.client_secret,
            "host" => &mut self.host,
            "token" => &mut self.token,
            "workspace_id" => &mut self.workspace_id,
            // Profiles also hold settings of other tools.
            _ => return,
        };
        *setting = Some(value.to_owned()).filter(|value| !value.is_empty());
    }
}
