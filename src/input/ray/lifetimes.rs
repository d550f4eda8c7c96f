//! When clusters are replaced and when they go: upgrades, and what a job leaves behind.
//!
//! Source of the shapes: ray-project/kuberay `ray-operator/apis/ray/v1/{raycluster,rayjob,rayservice}_types.go`.

use crate::input::place::{Place, Reader};

/// `upgradeStrategy` of a cluster or of a RayService.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upgrade {
    /// `type`; empty for none.
    pub strategy: String,
    /// `clusterUpgradeOptions`, which a RayService has.
    pub options: Option<UpgradeOptions>,
}

/// `clusterUpgradeOptions`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpgradeOptions {
    /// `maxSurgePercent`
    pub surge: Option<i64>,
    /// `stepSizePercent`
    pub step: Option<i64>,
    /// `intervalSeconds`
    pub interval: Option<i64>,
    /// `gatewayClassName`
    pub gateway_class: String,
}

/// A RayJob's `deletionStrategy`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deletion {
    /// `onSuccess` and `onFailure`, the older way: the policy of each, empty for none.
    pub outcomes: [Option<String>; 2],
    /// `deletionRules`
    pub rules: Vec<Rule>,
}

/// One of `deletionRules`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// `policy`
    pub policy: String,
    /// `condition.jobStatus`; empty for none.
    pub job: String,
    /// `condition.jobDeploymentStatus`; empty for none.
    pub deployment: String,
    /// `condition.ttlSeconds`, none where it is not there.
    pub ttl: Option<i64>,
}

/// Reads an `upgradeStrategy`.
pub(super) fn upgrade(reader: &mut Reader, place: &Place<'_>) -> Option<Upgrade> {
    reader.mapping(place);
    place.value.as_object()?;
    let options = place.field("clusterUpgradeOptions");
    reader.mapping(&options);
    let number = |field: &str| options.field(field).value.as_i64();
    Some(Upgrade {
        strategy: reader.text(&place.field("type")),
        options: options.value.is_object().then(|| UpgradeOptions {
            surge: number("maxSurgePercent"),
            step: number("stepSizePercent"),
            interval: number("intervalSeconds"),
            gateway_class: reader.text(&options.field("gatewayClassName")),
        }),
    })
}

/// Reads a `deletionStrategy`.
pub(super) fn deletion(reader: &mut Reader, place: &Place<'_>) -> Option<Deletion> {
    reader.mapping(place);
    place.value.as_object()?;
    let outcomes = ["onSuccess", "onFailure"].map(|field| {
        let outcome = place.field(field);
        outcome
            .value
            .is_object()
            .then(|| reader.text(&outcome.field("policy")))
    });
    let rule = |reader: &mut Reader, place: &Place<'_>| {
        let condition = place.field("condition");
        Rule {
            policy: reader.text(&place.field("policy")),
            job: reader.text(&condition.field("jobStatus")),
            deployment: reader.text(&condition.field("jobDeploymentStatus")),
            ttl: condition.field("ttlSeconds").value.as_i64(),
        }
    };
    Some(Deletion {
        outcomes,
        rules: reader.list(&place.field("deletionRules"), rule),
    })
}
