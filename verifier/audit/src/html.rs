//! The report as one page that needs nothing else.

use alloy_primitives::Address;
use alloy_primitives::utils::format_units;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use zktrain_ledger::time;

use super::report::{AuditReport, RoundReport, VersionReport};
use super::short;

const STYLE: &str = "
:root{--ink:#1c2430;--dim:#66707f;--line:#d9dee6;--good:#1a7f4b;--bad:#b3261e;--odd:#9a6700;--paper:#fff;--tint:#f5f7fa}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--dim:#97a1b0;--line:#333c48;--good:#4cc38a;--bad:#ff7b72;--odd:#e3b341;--paper:#12161c;--tint:#1a2029}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:2rem 1rem;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2.5rem 0 .75rem}
.verdict{border-left:.4rem solid var(--good);background:var(--tint);padding:1rem 1.25rem}
.verdict.bad{border-color:var(--bad)}.verdict.odd{border-color:var(--odd)}
.dim{color:var(--dim)}code{font-size:.9em}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.good{color:var(--good)}.bad{color:var(--bad)}.odd{color:var(--odd)}
ol.line{list-style:none;margin:0;padding:0 0 0 1.2rem;border-left:3px solid var(--line)}
ol.line li{position:relative;padding:0 0 1.25rem .6rem}
ol.line li::before{content:'';position:absolute;left:-1.72rem;top:.35rem;width:.75rem;height:.75rem;border-radius:50%;background:var(--good);border:3px solid var(--paper)}
ol.line li.void::before{background:var(--paper);border-color:var(--dim)}
.bars{display:flex;height:1.1rem;border-radius:.2rem;overflow:hidden;margin:.4rem 0;background:var(--tint)}
.bars i{display:block;height:100%}
.bars i.out{opacity:.25}
.key{display:inline-block;width:.7rem;height:.7rem;border-radius:.15rem;margin-right:.4rem}
.scroll{overflow-x:auto}
";

/// Colours that stay apart for most eyes.
const COLOURS: [&str; 8] =
    ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bb5566", "#997700"];

/// The report as a page.
pub fn page(report: &AuditReport) -> String {
    let members = accounts(report);
    let body = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { "Audit of " (report.model) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (verdict(report))
                @if !report.failures.is_empty() { (failures(report)) }
                h2 { "Lineage" }
                (lineage(report, &members))
                @if !report.slashes.is_empty() { (slashes(report)) }
                h2 { "Checks" }
                (checks(report))
                h2 { "What this rests on" }
                (roots(report))
                h2 { @if report.valid { "What is proven" } @else { "What would be proven" } }
                ul { @for line in &report.proven { li { (line) } } }
                h2 { "What is assumed" }
                ul { @for line in &report.assumed { li { (line) } } }
                @if !report.notices.is_empty() {
                    h2 { "What should be known" }
                    ul { @for notice in &report.notices { li { (notice.to_string()) } } }
                }
                @if !report.unused.is_empty() {
                    h2 { "Files that belong to nothing and were not looked at" }
                    ul { @for name in &report.unused { li { code { (name) } } } }
                }
            }
        }
    };
    body.into_string()
}

fn accounts(report: &AuditReport) -> Vec<Address> {
    let all = report.rounds.iter().flat_map(|round| &round.members).map(|m| m.account);
    let mut all: Vec<Address> = all.collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn colour(members: &[Address], account: Address) -> &'static str {
    let index = members.iter().position(|member| *member == account).unwrap_or_default();
    COLOURS.get(index % COLOURS.len()).copied().unwrap_or("#888888")
}

fn verdict(report: &AuditReport) -> Markup {
    let last = report.versions.last();
    let class = match (report.valid, report.pinned) {
        (true, true) => "verdict",
        (true, false) => "verdict odd",
        (false, _) => "verdict bad",
    };
    html! {
        div class=(class) {
            h1 {
                @if !report.failures.is_empty() { (report.failures.len()) " checks do not hold" }
                @else if report.pinned { "Every check holds" }
                @else { "Every check holds, on roots that nobody pinned" }
            }
            p {
                code { (report.model) }
                @if let (true, Some(version)) = (report.valid, last) {
                    " is version " (version.number) " of the model, back to its first one."
                } @else {
                    " is not shown to follow from the first model."
                }
            }
            p class="dim" {
                @if let (Some(domain), Some(chain)) = (report.domain, report.chain_id) {
                    "Domain " (domain) " on chain " (chain)
                }
                @if let Some(rounds) = report.rounds_contract { ", contract Rounds " code { (rounds) } }
                @if let Some(head) = report.head { ", until block " (head) }
                @if let Some(version) = last { ", model " code { (short(&version.model)) } }
                ". " (report.timing.proofs) " proofs in "
                (format!("{:.2} s", report.timing.proving)) "; all in "
                (format!("{:.1} s", report.timing.seconds)) "."
            }
        }
    }
}

fn failures(report: &AuditReport) -> Markup {
    html! {
        h2 class="bad" { "What does not hold" }
        div class="scroll" { table {
            tr { th { "File" } th { "Round" } th { "Member" } th { "Field" } th { "Problem" } }
            @for failure in &report.failures {
                tr {
                    td { code { (failure.file) } }
                    td { @if let Some(round) = failure.round { (round) } }
                    td { @if let Some(member) = failure.member { code { (format!("{member:#x}")) } } }
                    td { (failure.field) }
                    td { (failure.problem) }
                }
            }
        } }
    }
}

fn roots(report: &AuditReport) -> Markup {
    html! {
        div class="scroll" { table {
            tr { th { "Root" } th { "Trust" } th { "Value" } }
            @for root in report.roots.iter() {
                tr {
                    td { (root.name) }
                    td class=(if root.is_named() { "good" } else { "odd" }) { (root.trust) }
                    td {
                        code { (root.value) }
                        @if let Some(source) = &root.source { div class="dim" { (source) } }
                        @if !root.is_named() {
                            div class="dim" { "It came with the lineage, whose maker chose it: " (root.option) " pins it." }
                        }
                        @if let Some(says) = &root.says {
                            div class="dim" { "Its file says, unchecked: " (says) }
                        }
                    }
                }
            }
        } }
    }
}

/// First model, then rounds as they came; those without a version are hollow.
fn lineage(report: &AuditReport, members: &[Address]) -> Markup {
    let first = report.versions.first();
    let version =
        |round: &RoundReport| report.versions.iter().find(|v| v.round == Some(round.round));
    html! {
        p {
            @for member in members {
                span style="white-space:nowrap;margin-right:1rem" {
                    span class="key" style=(format!("background:{}", colour(members, *member))) {}
                    code { (format!("{member:#x}").chars().take(10).collect::<String>()) "…" }
                }
            }
        }
        ol class="line" {
            @if let Some(first) = first {
                li { strong { "Version 0" } " " span class="dim" { "the first model, " code { (short(&first.model)) } } }
            }
            @for round in &report.rounds {
                li class=(if round.outcome == "settled" { "settled" } else { "void" }) {
                    (node(round, version(round), members))
                }
            }
        }
    }
}

fn node(round: &RoundReport, version: Option<&VersionReport>, members: &[Address]) -> Markup {
    let money = |amount: &str| {
        let units = amount.parse().map(|units: alloy_primitives::U256| format_units(units, 18));
        units.ok().and_then(Result::ok).unwrap_or_else(|| amount.to_owned())
    };
    let money = |amount: &str| money(amount).trim_end_matches('0').trim_end_matches('.').to_owned();
    html! {
        @match version {
            Some(version) => {
                strong { "Version " (version.number) } " "
                span class="dim" { code { (short(&version.model)) } }
            }
            None => { strong { (round.outcome) } " " span class="dim" { (round.reason.as_deref().unwrap_or("no new version")) } }
        }
        div class="dim" {
            "round " (round.round) ", " (time(round.opened))
            @if let (Some(threshold), Some(least)) = (round.threshold, round.least) {
                "; " (round.counted) " counted, at least " (least) "; threshold " (threshold)
                @if round.bears_third != Some(true) { ", which does not cover a third" }
            }
            @if round.demanded > 0 {
                "; " (round.demanded) " deliveries had to be proven on chain"
                @if let Some(audited) = round.audited { ", " (audited) " of them drawn by lot" }
            }
        }
        div class="bars" {
            @for member in &round.members {
                i class=(if member.counted { "in" } else { "out" })
                    title=(format!("{:#x}: weight {}", member.account, member.weight))
                    style=(format!("width:{:.3}%;background:{}", f64::from(member.weight) / 655.36, colour(members, member.account))) {}
            }
        }
        details {
            summary class="dim" { (round.members.len()) " members" }
            div class="scroll" { table {
                tr { th { "Member" } th class="n" { "Reputation" } th class="n" { "Weight" } th { "Delivered" } th { "In the sum" } th class="n" { "Paid" } }
                @for member in &round.members {
                    tr {
                        td { code { (format!("{:#x}", member.account)) } }
                        td class="n" { (member.score) }
                        td class="n" { (format!("{:.2} %", f64::from(member.weight) / 655.36)) }
                        td { @if member.delivered { "yes" } @else { "no" } }
                        td { @if member.counted { "yes" } @else { "no" } }
                        td class="n" { (money(&member.paid)) }
                    }
                }
                tr { td { "coordinator" } td {} td {} td {} td {} td class="n" { (money(&round.coordinator_paid)) } }
                tr { td { "burned" } td {} td {} td {} td {} td class="n" { (money(&round.burned)) } }
            } }
        }
    }
}

fn slashes(report: &AuditReport) -> Markup {
    html! {
        h2 { "Slashed" }
        div class="scroll" { table {
            tr { th { "Round" } th { "Who" } th { "Account" } th { "Why" } }
            @for slash in &report.slashes {
                tr {
                    td { (slash.round) }
                    td { (slash.role) }
                    td { code { (format!("{:#x}", slash.account)) } }
                    td { (slash.reason) }
                }
            }
        } }
    }
}

fn checks(report: &AuditReport) -> Markup {
    html! {
        div class="scroll" { table {
            tr { th {} th { "What" } th class="n" { "Made" } th class="n" { "Failed" } }
            @for check in &report.checks {
                tr {
                    @if check.failed == 0 { td class="good" { "✓" } } @else { td class="bad" { "✗" } }
                    td { (check.about) }
                    td class="n" { (check.made) }
                    td class="n" { (check.failed) }
                }
            }
        } }
    }
}
