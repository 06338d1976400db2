//! The scaling curve as an SVG of three panels.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::Error;
use crate::record::{Figures, Purpose};

type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const SIZE: (u32, u32) = (1320, 420);
const COLOURS: [RGBColor; 2] = [RGBColor(31, 90, 166), RGBColor(204, 102, 0)];

/// A named line of one figure over the parameters.
struct Line {
    name: &'static str,
    points: Vec<(f64, f64)>,
}

impl Line {
    fn new(name: &'static str, figures: &[&Figures], of: impl Fn(&Figures) -> f64) -> Self {
        let mut points: Vec<(f64, f64)> =
            figures.iter().map(|f| (f.parameters as f64, of(f))).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { name, points }
    }
}

/// Proving time with the commitment floor, memory, and time a committed entry, each over the
/// number of parameters.
///
/// # Errors
/// If there are no figures, or the drawing library refuses.
pub fn scaling(figures: &[&Figures]) -> Result<String, Error> {
    if figures.is_empty() {
        return Err(Error::Nothing { expected: Purpose::Scaling });
    }
    let mut svg = String::new();
    draw(&mut svg, figures).map_err(|source| Error::Plot { got: source.to_string() })?;
    Ok(svg)
}

fn draw(svg: &mut String, figures: &[&Figures]) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let panels = root.split_evenly((1, 3));
    let [time, memory, entry] = &panels[..] else {
        return Ok(());
    };
    let seconds = [
        Line::new("prove one step", figures, |f| f.prove_s),
        Line::new("bare commitments", figures, |f| f.commit_floor_s),
    ];
    logarithmic(time, "seconds", &seconds)?;
    logarithmic(
        memory,
        "peak memory, MB",
        &[Line::new("peak memory", figures, |f| f.peak_rss_mb)],
    )?;
    linear(
        entry,
        "proving, ns a committed entry",
        &Line::new("ns", figures, Figures::ns_per_entry),
    )?;
    root.present()?;
    Ok(())
}

/// Smallest and largest coordinate, widened so that no point lies on the frame.
fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (least, most) = values.fold((f64::INFINITY, 0f64), |(a, b), v| (a.min(v), b.max(v)));
    let least = least.max(f64::MIN_POSITIVE);
    (least / 1.5, most.max(least) * 1.5)
}

fn exponent(value: &f64) -> String {
    format!("{value:.0e}")
}

fn plain(value: &f64) -> String {
    if *value < 1.0 { format!("{value}") } else { format!("{value:.0}") }
}

fn logarithmic(
    panel: &Panel,
    title: &str,
    lines: &[Line],
) -> Result<(), Box<dyn std::error::Error>> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let (x, y) = (span(points().map(|p| p.0)), span(points().map(|p| p.1)));
    let mut chart = ChartBuilder::on(panel)
        .margin(14)
        .caption(title, ("sans-serif", 22))
        .x_label_area_size(46)
        .y_label_area_size(58)
        .build_cartesian_2d((x.0..x.1).log_scale(), (y.0..y.1).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("parameters")
        .label_style(("sans-serif", 16))
        .axis_desc_style(("sans-serif", 17))
        .x_label_formatter(&exponent)
        .y_label_formatter(&plain)
        .light_line_style(WHITE)
        .draw()?;
    for (line, colour) in lines.iter().zip(COLOURS) {
        let series =
            LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)).point_size(4);
        chart
            .draw_series(series)?
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    if lines.len() > 1 {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font(("sans-serif", 17))
            .background_style(WHITE.mix(0.8))
            .draw()?;
    }
    Ok(())
}

fn linear(panel: &Panel, title: &str, line: &Line) -> Result<(), Box<dyn std::error::Error>> {
    let x = span(line.points.iter().map(|p| p.0));
    let most = span(line.points.iter().map(|p| p.1)).1;
    let mut chart = ChartBuilder::on(panel)
        .margin(14)
        .caption(title, ("sans-serif", 22))
        .x_label_area_size(46)
        .y_label_area_size(58)
        .build_cartesian_2d((x.0..x.1).log_scale(), 0.0..most)?;
    chart
        .configure_mesh()
        .x_desc("parameters")
        .label_style(("sans-serif", 16))
        .axis_desc_style(("sans-serif", 17))
        .x_label_formatter(&exponent)
        .y_label_formatter(&plain)
        .light_line_style(WHITE)
        .draw()?;
    let colour = COLOURS[0];
    let series = LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)).point_size(4);
    chart.draw_series(series)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_drawn_and_none_is_refused() {
        let mut curve = [1.0, 2.0].map(|s| crate::targets::tests::figures("784-128-10", 1, s));
        curve[1].parameters = 1_000_000;
        let svg = scaling(&curve.iter().collect::<Vec<_>>()).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert_eq!(svg.matches("<circle").count(), 2 * 4);
        assert!(matches!(scaling(&[]), Err(Error::Nothing { .. })));
    }
}
