//! What outlived a run in the first version of its shape.
//!
//! It did not say by what the pages were judged, nor which read of a window had failed.

use std::collections::BTreeMap;

use mm_sdk::Moment;
use serde::{Deserialize, Serialize};

use super::known::Known;
use super::memory::{Network, Snapshot, WindowKnown};
use super::site_memory::SiteKnown;

/// [`Snapshot`], as it was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct First {
    /// By platform.
    pub networks: BTreeMap<String, FirstNetwork>,
    /// As today.
    pub site: SiteKnown,
}

/// [`Network`], as it was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FirstNetwork {
    /// By number.
    pub windows: BTreeMap<u32, FirstWindow>,
    /// As today.
    pub commissions: BTreeMap<String, Known>,
}

/// [`WindowKnown`], as it was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FirstWindow {
    /// As today.
    pub read_at: Option<Moment>,
    /// As today.
    pub tried_at: Option<Moment>,
    /// As today.
    pub next: Option<String>,
    /// As today.
    pub open: bool,
    /// As today.
    pub open_so_far: bool,
}

impl From<First> for Snapshot {
    fn from(First { networks, site }: First) -> Self {
        let networks = networks.into_iter().map(|(platform, network)| (platform, network.into()));
        Self { networks: networks.collect(), site, judge: None }
    }
}

impl From<FirstNetwork> for Network {
    fn from(FirstNetwork { windows, commissions }: FirstNetwork) -> Self {
        let windows = windows.into_iter().map(|(number, window)| (number, window.into()));
        Self { windows: windows.collect(), commissions }
    }
}

impl From<FirstWindow> for WindowKnown {
    fn from(FirstWindow { read_at, tried_at, next, open, open_so_far }: FirstWindow) -> Self {
        Self { read_at, tried_at, next, open, open_so_far, failed: false }
    }
}
