//! Whole answers of the function, reviewed as output: `fixtures/fn/CASE/input.yaml` gives `snapshots/fn/CASE.snap`.
//!
//! After a change that is meant: `INSTA_UPDATE=always cargo test --test it golden`, and read the diff.

use std::process::Command;

use insta::{Settings, assert_snapshot, glob};

use crate::program::{GATEWRIGHT, run};

#[test]
fn the_function_answers_as_reviewed() {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/fn");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _settings = settings.bind_to_scope();
    glob!("../../fixtures/fn", "*/input.yaml", |path| {
        let case = path
            .parent()
            .and_then(|folder| folder.file_name())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let mut command = Command::new(GATEWRIGHT);
        command
            .arg("fn")
            .env_remove("KUSTOMIZE_PLUGIN_CONFIG_ROOT")
            .env_remove("RELATED_IMAGE_OSE_KUBE_RBAC_PROXY_IMAGE");
        let answer = run(command, &std::fs::read(path).unwrap());
        let text = format!(
            "exit {}\n=== stderr\n{}=== stdout\n{}",
            answer.code, answer.stderr, answer.stdout
        );
        let mut settings = Settings::clone_current();
        settings.remove_snapshot_suffix();
        settings.remove_input_file();
        settings.bind(|| assert_snapshot!(case, text));
    });
}
