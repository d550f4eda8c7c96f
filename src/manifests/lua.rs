//! The Lua that runs in the gateway: what no filter of Envoy's does.
//!
//! Envoy lets a request pass when a script fails, so nothing here refuses anything, and nothing here takes away what a client
//! forged: that happens earlier and elsewhere. If [`before_login`] failed, the login service would see the path, and answer
//! its own (`/robots.txt`) without a session, as with an Envoy that has neither this script nor the field in its place.

use minijinja::{AutoEscape, Environment, context};

use crate::model::login;

/// Header that keeps the path while the login service is asked; nobody else may send one of these.
pub const KEPT_PATH: &str = "x-gw-path";

/// Before the login service is asked: it answers some paths by itself, and cleans others, and is to see none of them.
const BEFORE: &str = r#"-- The login service is asked about the person, not about the path.
function envoy_on_request(handle)
  local headers = handle:headers()
  local path = headers:get(":path")
  if path == nil then
    return
  end
  headers:replace("{{ kept_path }}", path)
  headers:replace(":path", "/")
end
"#;

/// After the login service let a request through: its cookies end here, and its token goes on under the names that
/// applications read.
const AFTER: &str = r#"local SESSION = "{{ cookie }}"

-- The session, its parts, and logins under way; to the letter, for an application's own cookie may begin alike.
local function belongs_to_login(name)
  if name == SESSION or name == SESSION .. "_csrf" then
    return true
  end
  if name:sub(1, #SESSION + 1) ~= SESSION .. "_" then
    return false
  end
  local rest = name:sub(#SESSION + 2)
  return rest:find("^%d+$") ~= nil or rest:find("^[%w_-]+_csrf$") ~= nil
end

local function without_login(cookies)
  local kept = {}
  for part in cookies:gmatch("[^;]+") do
    local cookie = part:match("^%s*(.-)%s*$")
    local name = cookie:match("^([^=]-)%s*=") or cookie
    if cookie ~= "" and not belongs_to_login(name) then
      kept[#kept + 1] = cookie
    end
  end
  return table.concat(kept, "; ")
end

function envoy_on_request(handle)
  local headers = handle:headers()
{%- if restores_path %}
  local path = headers:get("{{ kept_path }}")
  if path then
    headers:replace(":path", path)
    headers:remove("{{ kept_path }}")
  end
{%- endif %}
{%- if drops_redirect %}
  headers:remove("x-auth-request-redirect")
{%- endif %}
  local user = headers:get("x-auth-request-user")
  if user == nil then
    return -- the login service's own paths, which need its cookies
  end
  local cookies = headers:get("cookie")
  if cookies then
    local rest = without_login(cookies)
    if rest == "" then
      headers:remove("cookie")
    else
      headers:replace("cookie", rest)
    end
  end
  headers:replace("x-forwarded-user", user)
  local token = headers:get("x-auth-request-access-token")
  headers:remove("x-auth-request-access-token")
  if token and token ~= "" then
    headers:replace("authorization", "Bearer " .. token)
  else
    local given = headers:get("authorization") or ""
    token = given:match("^[Bb][Ee][Aa][Rr][Ee][Rr] +([^%s,]+)$")
  end
  if token then
    headers:replace("x-forwarded-access-token", token)
    headers:replace("x-forwarded-token", token)
  end
end
"#;

/// What a script has to do beside what all do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Duties {
    /// Put back the path that [`before_login`] kept.
    pub restores_path: bool,
    /// Remove the address that was meant for the login service alone.
    pub drops_redirect: bool,
}

/// The script that runs before the login service is asked.
pub fn before_login() -> String {
    render(BEFORE, Duties::default())
}

/// The script that runs after the login service let a request through.
pub fn after_login(duties: Duties) -> String {
    render(AFTER, duties)
}

/// The templates are fixed and so are the words in them: there is nothing here that could fail, and tests render each.
fn render(template: &str, duties: Duties) -> String {
    let mut environment = Environment::empty();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let words = context! {
        cookie => login::COOKIE,
        kept_path => KEPT_PATH,
        restores_path => duties.restores_path,
        drops_redirect => duties.drops_redirect,
    };
    let mut text = environment.render_str(template, words).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mlua::{Function, Lua, Table};

    use super::*;

    /// As much of Envoy's stream handle as the scripts use: `handle:headers()` with get, replace and remove.
    const HANDLE: &str = r"
        local headers = {}
        function headers:get(name) return sent[name] end
        function headers:replace(name, value)
          assert(type(value) == 'string')
          sent[name] = value
        end
        function headers:remove(name) sent[name] = nil end
        handle = {}
        function handle:headers() return headers end
    ";

    const ALL: [Duties; 3] = [
        Duties {
            restores_path: false,
            drops_redirect: false,
        },
        Duties {
            restores_path: true,
            drops_redirect: false,
        },
        Duties {
            restores_path: false,
            drops_redirect: true,
        },
    ];

    /// The request's headers after a script.
    fn run(script: &str, sent: &[(&str, &str)]) -> BTreeMap<String, String> {
        let lua = Lua::new();
        lua.globals()
            .set("sent", lua.create_table_from(sent.iter().copied()).unwrap())
            .unwrap();
        lua.load(HANDLE).exec().unwrap();
        lua.load(script).exec().unwrap();
        let handle: Table = lua.globals().get("handle").unwrap();
        let entry: Function = lua.globals().get("envoy_on_request").unwrap();
        entry.call::<()>(handle).unwrap();
        let after: Table = lua.globals().get("sent").unwrap();
        after.pairs::<String, String>().map(Result::unwrap).collect()
    }

    fn cookies_after(cookies: &str) -> Option<String> {
        let sent = [("x-auth-request-user", "alice"), ("cookie", cookies)];
        run(&after_login(Duties::default()), &sent).remove("cookie")
    }

    #[test]
    fn templates_leave_nothing_open() {
        for text in ALL.map(after_login).into_iter().chain([before_login()]) {
            assert!(!text.contains("{{") && !text.contains("{%"), "{text}");
            assert!(
                text.contains("envoy_on_request") && text.ends_with("end\n"),
                "{text}"
            );
            assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
            for word in ["respond", ":add("] {
                assert!(!text.contains(word), "{word} in {text}");
            }
        }
        assert!(after_login(Duties::default()).contains("SESSION = \"_oauth2_proxy\""));
    }

    #[test]
    fn cookies_of_the_login_end_here_by_exact_name() {
        for (before, after) in [
            ("_oauth2_proxy=s", None),
            ("_oauth2_proxy_0=a; _oauth2_proxy_1=b;_oauth2_proxy_12=c", None),
            ("_oauth2_proxy_csrf=a; _oauth2_proxy_aB9-_x_csrf=b", None),
            ("a=1; _oauth2_proxy=s; b=2", Some("a=1; b=2")),
            (" a=1;; _oauth2_proxy = s ;b=2; ", Some("a=1; b=2")),
            ("_oauth2_proxy_ui=1", Some("_oauth2_proxy_ui=1")),
            ("_oauth2_proxyfoo=1", Some("_oauth2_proxyfoo=1")),
            ("x_oauth2_proxy=1", Some("x_oauth2_proxy=1")),
            ("_oauth2_proxy_=1", Some("_oauth2_proxy_=1")),
            ("_oauth2_proxy_1a=1", Some("_oauth2_proxy_1a=1")),
            ("_OAUTH2_PROXY=1", Some("_OAUTH2_PROXY=1")),
            ("a=_oauth2_proxy=b", Some("a=_oauth2_proxy=b")),
            ("a=b=c; plain", Some("a=b=c; plain")),
            ("_oauth2_proxy", None),
            ("=x", Some("=x")),
        ] {
            assert_eq!(cookies_after(before).as_deref(), after, "{before}");
        }
    }

    #[test]
    fn the_token_goes_on_from_where_the_login_service_put_it() {
        let names = ["authorization", "x-forwarded-access-token", "x-forwarded-token"];
        for (sent, expected) in [
            // OpenID Connect, and tokens of Kubernetes.
            (
                &[("authorization", "Bearer abc.def")][..],
                ["Bearer abc.def", "abc.def", "abc.def"],
            ),
            (&[("authorization", "bearer  abc")], ["bearer  abc", "abc", "abc"]),
            // OpenShift's OAuth server.
            (
                &[("x-auth-request-access-token", "sha256~x")],
                ["Bearer sha256~x", "sha256~x", "sha256~x"],
            ),
            (
                &[
                    ("x-auth-request-access-token", ""),
                    ("authorization", "Bearer abc"),
                ],
                ["Bearer abc", "abc", "abc"],
            ),
            // No token.
            (&[], ["", "", ""]),
            (&[("authorization", "Basic abc")], ["Basic abc", "", ""]),
            (
                &[("authorization", "Bearer a,Bearer b")],
                ["Bearer a,Bearer b", "", ""],
            ),
            (&[("authorization", "Bearer a b")], ["Bearer a b", "", ""]),
        ] {
            for duties in ALL {
                let sent = [&[("x-auth-request-user", "alice")], sent].concat();
                let after = run(&after_login(duties), &sent);
                let found = names.map(|name| after.get(name).map_or("", String::as_str));
                assert_eq!(found, expected, "{sent:?}");
                assert_eq!(after["x-forwarded-user"], "alice");
                assert!(!after.contains_key("x-auth-request-access-token"));
            }
        }
    }

    #[test]
    fn without_a_person_the_login_keeps_its_cookies() {
        let sent = [
            ("cookie", "_oauth2_proxy_csrf=a"),
            ("authorization", "Bearer abc"),
        ];
        let after = run(&after_login(Duties::default()), &sent);
        assert_eq!(after.len(), 2);
        assert_eq!(after["cookie"], "_oauth2_proxy_csrf=a");
    }

    #[test]
    fn the_path_is_hidden_and_put_back_with_and_without_a_person() {
        let asked = run(
            &before_login(),
            &[(":path", "/robots.txt?a=//b"), ("x-gw-path", "/forged")],
        );
        assert_eq!(
            (asked[":path"].as_str(), asked["x-gw-path"].as_str()),
            ("/", "/robots.txt?a=//b")
        );
        for user in [&[][..], &[("x-auth-request-user", "alice")]] {
            let kept: Vec<(&str, &str)> = asked
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            let after = run(&after_login(ALL[1]), &[&kept, user].concat());
            assert_eq!(after[":path"], "/robots.txt?a=//b");
            assert!(!after.contains_key("x-gw-path"));
        }
    }

    #[test]
    fn the_address_for_the_login_service_ends_here() {
        let sent = [("x-auth-request-redirect", "/deep")];
        assert!(run(&after_login(ALL[2]), &sent).is_empty());
    }
}
