//! The Lua that runs in the gateway: what no filter of Envoy's does.
//!
//! Envoy lets a request pass when a script fails, so nothing here refuses anything, and nothing here takes away what a client
//! forged: that happens earlier and elsewhere. If [`before_login`] failed, the login service would see the path, and answer
//! its own (`/robots.txt`) without a session; nobody is named by such an answer, and that is refused by another filter.

use minijinja::{AutoEscape, Environment, context};

use super::envoy::REDIRECT;
use crate::model::login;

/// Headers that keep what the client asked for while the login service is asked; nobody else may send one of these.
pub const KEPT: [&str; 2] = ["x-gw-path", "x-gw-accept"];

/// Before the login service is asked, where the check itself cannot say it: a page is led to the login and comes back to where
/// it wanted to be, everything else is told 401. The login service knows them apart by `accept` alone. It answers some paths by
/// itself, and cleans others: where the route stays as it was chosen, it sees none of them.
const BEFORE: &str = r#"-- The login service is asked about the person{% if hides_path %}, not about the path{% endif %}.
function envoy_on_request(handle)
  local headers = handle:headers()
  local path, method, accept = headers:get(":path"), headers:get(":method"), headers:get("accept")
  if path == nil then
    return
  end
  local mode = headers:get("sec-fetch-mode")
  local page = (method == "GET" or method == "HEAD")
    and accept ~= nil and accept:find("text/html", 1, true) ~= nil
    and headers:get("x-requested-with") == nil
    and (mode == nil or mode == "navigate")
  if accept then
    headers:replace("{{ kept_accept }}", accept)
  end
  headers:replace("accept", page and "text/html" or "application/json")
  headers:replace("{{ redirect }}", path)
{%- if hides_path %}
  headers:replace("{{ kept_path }}", path)
  headers:replace(":path", "/")
{%- endif %}
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

-- Several Cookie headers of HTTP/1.1 arrive as one, with commas between them.
local function has_login(cookie)
  for piece in cookie:gmatch("[^,]+") do
    if belongs_to_login(piece:match("^%s*([^=%s]*)")) then
      return true
    end
  end
  return false
end

local function without_login(cookies)
  local kept = {}
  for part in cookies:gmatch("[^;]+") do
    local cookie = part:match("^%s*(.*)$")
    if cookie ~= "" and not has_login(cookie) then
      kept[#kept + 1] = cookie
    end
  end
  return table.concat(kept, "; ")
end

function envoy_on_request(handle)
  local headers = handle:headers()
{%- if asked == "by Lua" %}
  if headers:get("{{ redirect }}") then
    local accept = headers:get("{{ kept_accept }}")
    if accept then
      headers:replace("accept", accept)
      headers:remove("{{ kept_accept }}")
    else
      headers:remove("accept")
    end
  end
{%- endif %}
{%- if hides_path %}
  local path = headers:get("{{ kept_path }}")
  if path then
    headers:replace(":path", path)
    headers:remove("{{ kept_path }}")
  end
{%- endif %}
{%- if asked != "by the check" %}
  headers:remove("{{ redirect }}")
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

/// Who tells the login service where a login is to end, and whether a page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The check itself, in a request of its own.
    ByCheck,
    /// The connection manager, in every request, so that it has to be taken out again.
    ByConnection,
    /// [`before_login`].
    ByLua {
        /// The login service sees no path.
        hides_path: bool,
    },
}

/// The script that runs before the login service is asked.
pub fn before_login(hides_path: bool) -> String {
    render(BEFORE, Asked::ByLua { hides_path })
}

/// The script that runs after the login service let a request through.
pub fn after_login(asked: Asked) -> String {
    render(AFTER, asked)
}

/// The templates are fixed and so are the words in them: there is nothing here that could fail, and tests render each.
fn render(template: &str, asked: Asked) -> String {
    let mut environment = Environment::empty();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let words = context! {
        cookie => login::COOKIE,
        kept_path => KEPT[0],
        kept_accept => KEPT[1],
        redirect => REDIRECT,
        hides_path => asked == Asked::ByLua { hides_path: true },
        asked => match asked {
            Asked::ByCheck => "by the check",
            Asked::ByConnection => "by the connection",
            Asked::ByLua { .. } => "by Lua",
        },
    };
    let mut text = environment.render_str(template, words).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mlua::{Function, Lua, Table};
    use proptest::prelude::*;

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

    const ALL: [Asked; 4] = [
        Asked::ByCheck,
        Asked::ByConnection,
        Asked::ByLua { hides_path: false },
        Asked::ByLua { hides_path: true },
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
        run(&after_login(Asked::ByCheck), &sent).remove("cookie")
    }

    #[test]
    fn templates_leave_nothing_open() {
        for text in ALL
            .map(after_login)
            .into_iter()
            .chain([true, false].map(before_login))
        {
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
        assert!(after_login(Asked::ByCheck).contains("SESSION = \"_oauth2_proxy\""));
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
            ("z=1,_oauth2_proxy=s", None),
            ("z=1, _oauth2_proxy_0 = s; b=2", Some("b=2")),
            ("z=1,2", Some("z=1,2")),
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
            for asked in ALL {
                let sent = [&[("x-auth-request-user", "alice")], sent].concat();
                let after = run(&after_login(asked), &sent);
                let found = names.map(|name| after.get(name).map_or("", String::as_str));
                assert_eq!(found, expected, "{sent:?}");
                assert_eq!(after["x-forwarded-user"], "alice");
                assert!(!after.contains_key("x-auth-request-access-token"));
            }
        }
    }

    /// The rule once more, in another language: the session's name alone, with `_csrf`, with `_` and digits, or with `_`,
    /// letters of base64url and `_csrf`.
    fn is_of_the_login(cookie: &str) -> bool {
        cookie.split(',').any(is_the_logins)
    }

    fn is_the_logins(piece: &str) -> bool {
        let name = piece.trim_start().split(['=', ' ']).next().unwrap_or_default();
        let Some(rest) = name.strip_prefix(login::COOKIE) else {
            return false;
        };
        let Some(rest) = rest.strip_prefix('_') else {
            return rest.is_empty();
        };
        let base64url = |text: &str| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter))
        };
        let digits = !rest.is_empty() && rest.chars().all(|letter| letter.is_ascii_digit());
        digits || rest == "csrf" || rest.strip_suffix("_csrf").is_some_and(base64url)
    }

    proptest! {
        /// Whatever a browser holds: what is the login's ends here, and everything else arrives, in its order.
        #[test]
        fn cookies_are_cut_as_the_rule_says(
            cookies in prop::collection::vec("(_oauth2_proxy)?[_a-z0-9-]{0,6}(_csrf)?( ?= ?[!-:<-~]{0,8})?", 0..8)
        ) {
            let sent = cookies.join("; ");
            let kept: Vec<&str> = cookies
                .iter()
                .map(|cookie| cookie.trim_start())
                .filter(|cookie| !cookie.is_empty() && !is_of_the_login(cookie))
                .collect();
            let expected = (!kept.is_empty()).then(|| kept.join("; "));
            prop_assert_eq!(cookies_after(&sent), expected, "{}", sent);
        }
    }

    #[test]
    fn without_a_person_the_login_keeps_its_cookies() {
        let sent = [
            ("cookie", "_oauth2_proxy_csrf=a"),
            ("authorization", "Bearer abc"),
        ];
        let after = run(&after_login(Asked::ByCheck), &sent);
        assert_eq!(after.len(), 2);
        assert_eq!(after["cookie"], "_oauth2_proxy_csrf=a");
    }

    /// What the login service sees and what the application gets, of a request.
    fn through(sent: &[(&str, &str)], hides_path: bool) -> [BTreeMap<String, String>; 2] {
        let asked = run(&before_login(hides_path), sent);
        let pairs: Vec<(&str, &str)> = asked
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let after = run(&after_login(Asked::ByLua { hides_path }), &pairs);
        [asked, after]
    }

    #[test]
    fn the_request_goes_on_as_it_came_with_and_without_a_person() {
        for hides_path in [true, false] {
            for accept in [None, Some("text/html, */*"), Some("*/*")] {
                for user in [None, Some("alice")] {
                    let mut sent = vec![(":path", "/robots.txt?a=//b"), (":method", "GET")];
                    sent.extend(accept.map(|accept| ("accept", accept)));
                    sent.extend(user.map(|user| ("x-auth-request-user", user)));
                    let [asked, after] = through(&sent, hides_path);
                    let expected = if hides_path { "/" } else { "/robots.txt?a=//b" };
                    assert_eq!(asked[":path"], expected);
                    assert_eq!(asked["x-auth-request-redirect"], "/robots.txt?a=//b");
                    let added = usize::from(user.is_some()); // x-forwarded-user
                    assert_eq!(after.len(), sent.len() + added, "{after:?}");
                    for (name, value) in sent {
                        assert_eq!(after[name], value);
                    }
                }
            }
        }
    }

    #[test]
    fn what_a_client_forged_under_a_kept_name_is_written_over() {
        let sent = [
            (":path", "/mine"),
            (":method", "GET"),
            ("accept", "*/*"),
            ("x-gw-path", "/forged"),
            ("x-gw-accept", "text/html"),
            ("x-auth-request-redirect", "/forged"),
        ];
        let [_, after] = through(&sent, true);
        assert_eq!(after.len(), 3, "{after:?}");
        assert_eq!(
            (after[":path"].as_str(), after["accept"].as_str()),
            ("/mine", "*/*")
        );
    }

    #[test]
    fn a_page_is_led_to_the_login_and_everything_else_is_told_so() {
        for (method, accept, script, page) in [
            (
                "GET",
                Some("text/html,application/xhtml+xml,*/*;q=0.8"),
                false,
                true,
            ),
            ("HEAD", Some("text/html"), false, true),
            ("POST", Some("text/html"), false, false),
            ("GET", Some("text/html"), true, false),
            ("GET", Some("*/*"), false, false),
            ("GET", Some("application/json"), false, false),
            ("GET", Some("text/event-stream"), false, false),
            ("GET", None, false, false),
            ("OPTIONS", Some("text/html"), false, false),
        ] {
            let mut sent = vec![(":path", "/"), (":method", method)];
            sent.extend(accept.map(|accept| ("accept", accept)));
            sent.extend(script.then_some(("x-requested-with", "XMLHttpRequest")));
            let asked = run(&before_login(true), &sent);
            let expected = if page { "text/html" } else { "application/json" };
            assert_eq!(asked["accept"], expected, "{method} {accept:?}");
        }
    }

    #[test]
    fn a_browser_says_whether_a_script_asks() {
        for (mode, expected) in [
            ("navigate", "text/html"),
            ("cors", "application/json"),
            ("same-origin", "application/json"),
            ("no-cors", "application/json"),
        ] {
            let sent = [
                (":path", "/"),
                (":method", "GET"),
                ("accept", "text/html"),
                ("sec-fetch-mode", mode),
            ];
            assert_eq!(run(&before_login(true), &sent)["accept"], expected, "{mode}");
        }
    }

    #[test]
    fn the_address_for_the_login_service_ends_here() {
        let sent = [("x-auth-request-redirect", "/deep")];
        assert!(run(&after_login(Asked::ByConnection), &sent).is_empty());
    }
}
