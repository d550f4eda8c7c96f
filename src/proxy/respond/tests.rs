use super::*;
use crate::proxy::attributes::Resource;

fn shown(refusal: &Refusal, compatibility: Compatibility, method: &Method) -> String {
    let response = response(refusal, compatibility, method);
    let mut text = format!("{}", response.status().as_u16());
    for (name, value) in response.headers() {
        text.push_str(&format!(" {name}={}", value.to_str().unwrap()));
    }
    text.push(' ');
    text.push_str(&String::from_utf8_lossy(response.body()));
    text
}

fn attributes() -> Attributes {
    Attributes::Resource(Resource {
        namespace: "team-a".into(),
        name: "secret-name".into(),
        verb: "get".into(),
        resource: "notebooks".into(),
        ..Resource::default()
    })
}

#[test]
fn answers_are_those_of_the_stock_proxy() {
    let get = Method::GET;
    let none = Compatibility::None;
    let error = "content-type=text/plain; charset=utf-8 x-content-type-options=nosniff";
    assert_eq!(
        shown(&Refusal::Unauthenticated("x"), none, &get),
        format!("401 {error} Unauthorized\n")
    );
    assert_eq!(
        shown(&Refusal::NotAllowedPath, none, &get),
        format!("404 {error} 404 page not found\n")
    );
    let forbidden = Refusal::Forbidden {
        user: "dana".into(),
        attributes: attributes(),
    };
    assert_eq!(
        shown(&forbidden, none, &get),
        format!("403 {error} Forbidden (user=dana, verb=get, resource=notebooks, subresource=)\n")
    );
    assert_eq!(shown(&Refusal::BadGateway("x"), none, &get), "502 ");
    assert_eq!(shown(&Refusal::UpstreamTimeout, none, &get), "502 ");
    assert_eq!(shown(&Refusal::Expectation, none, &get), "417 ");
    assert_eq!(
        shown(&Refusal::TooLarge(Part::Headers), none, &get),
        "431 content-type=text/plain; charset=utf-8 431 Request Header Fields Too Large"
    );
}

#[test]
fn an_api_server_that_is_away_is_told_apart_unless_told_otherwise() {
    let get = Method::GET;
    let authorization = Refusal::AuthorizationUnavailable {
        user: "dana".into(),
        attributes: attributes(),
    };
    let statuses = |compatibility| {
        [&Refusal::AuthenticationUnavailable, &authorization]
            .map(|refusal| response(refusal, compatibility, &get).status().as_u16())
    };
    assert_eq!(statuses(Compatibility::None), [503, 503]);
    assert_eq!(statuses(Compatibility::KubeRbacProxy), [401, 500]);
    assert_eq!(statuses(Compatibility::OdhKubeRbacProxy), [401, 500]);
    let ours = response(&authorization, Compatibility::None, &get);
    assert_eq!(ours.headers()[RETRY_AFTER], "1");
    let text = |compatibility| response(&authorization, compatibility, &get).into_body();
    assert_eq!(
        text(Compatibility::KubeRbacProxy),
        "Authorization error (user=dana, verb=get, resource=notebooks, subresource=)\n"
    );
    assert_eq!(
        text(Compatibility::OdhKubeRbacProxy),
        "error during authorization\n"
    );
}

#[test]
fn a_redirect_has_a_link_for_those_who_read_it() {
    let to = Refusal::MovedTo("/a?x=\"1\"&y=<2>".into());
    assert_eq!(
        shown(&to, Compatibility::None, &Method::GET),
        "307 content-type=text/html; charset=utf-8 location=/a?x=\"1\"&y=<2> \
         <a href=\"/a?x=&#34;1&#34;&amp;y=&lt;2&gt;\">Temporary Redirect</a>.\n\n"
    );
    assert_eq!(
        shown(&to, Compatibility::None, &Method::POST),
        "307 location=/a?x=\"1\"&y=<2> "
    );
    let broken = Refusal::MovedTo("/a\r\nX: 1".into());
    assert_eq!(response(&broken, Compatibility::None, &Method::GET).status(), 400);
}

#[test]
fn what_cannot_be_read_on_ends_the_connection() {
    assert!(ends_connection(&Refusal::Malformed("x")));
    assert!(ends_connection(&Refusal::TooSlow));
    assert!(!ends_connection(&Refusal::Unauthenticated("x")));
    assert!(!ends_connection(&Refusal::BadGateway("x")));
}
