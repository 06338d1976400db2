//! Loss and accuracy over time, and their curve as a drawing.

use plotters::prelude::*;
use serde::Serialize;

use crate::Metrics;

/// One point of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Optimizer steps taken before this point.
    pub step: usize,
    /// Mean loss and accuracy there.
    pub metrics: Metrics,
}

/// What training reported, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct History {
    /// On the batches trained on, each before its step.
    pub train: Vec<Point>,
    /// On held-out samples.
    pub held_out: Vec<Point>,
}

/// The curve could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the loss curve could not be drawn: {0}")]
pub struct DrawError(#[source] DrawingAreaErrorKind<std::io::Error>);

impl From<DrawingAreaErrorKind<std::io::Error>> for DrawError {
    fn from(error: DrawingAreaErrorKind<std::io::Error>) -> Self {
        Self(error)
    }
}

const SIZE: (u32, u32) = (800, 480);
const TRAIN: RGBColor = RGBColor(31, 119, 180);
const HELD_OUT: RGBColor = RGBColor(214, 39, 40);

impl History {
    /// Adds a window's metrics; `step` steps were taken before it.
    pub fn push(&mut self, step: usize, metrics: Metrics) {
        self.train.push(Point { step, metrics });
    }

    /// Adds metrics on held-out samples.
    pub fn push_held_out(&mut self, step: usize, metrics: Metrics) {
        self.held_out.push(Point { step, metrics });
    }

    /// The loss curve as an SVG document.
    ///
    /// # Errors
    /// When the drawing library fails, which it has no reason to.
    pub fn to_svg(&self, title: &str) -> Result<String, DrawError> {
        let mut svg = String::new();
        self.draw(SVGBackend::with_string(&mut svg, SIZE), title)?;
        Ok(svg)
    }

    fn draw(&self, backend: SVGBackend<'_>, title: &str) -> Result<(), DrawError> {
        let area = backend.into_drawing_area();
        area.fill(&WHITE)?;
        let all = || self.train.iter().chain(&self.held_out).filter(|p| p.metrics.loss.is_finite());
        let last = all().map(|p| p.step).max().unwrap_or(0).max(1);
        let top = all().map(|p| p.metrics.loss).fold(0.0, f64::max).max(1e-6) * 1.05;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(0..last, 0.0..top)?;
        chart.configure_mesh().x_desc("step").y_desc("loss").light_line_style(WHITE).draw()?;
        for (points, color, name) in
            [(&self.train, TRAIN, "training"), (&self.held_out, HELD_OUT, "held out")]
        {
            if points.is_empty() {
                continue;
            }
            let line = points.iter().filter(|p| p.metrics.loss.is_finite());
            chart
                .draw_series(LineSeries::new(line.map(|p| (p.step, p.metrics.loss)), &color))?
                .label(name)
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], color));
        }
        chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
        area.present()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_both_curves_and_survives_an_empty_history() {
        let mut history = History::default();
        assert!(history.to_svg("nothing").unwrap().starts_with("<svg"));
        for step in 0..20 {
            let metrics =
                Metrics { loss: 1.0 / (1.0 + step as f64), accuracy: Some(0.5), samples: 32 };
            history.push(step, metrics);
            history.push_held_out(step, metrics);
        }
        history.push(20, Metrics { loss: f64::NAN, accuracy: None, samples: 1 });
        let svg = history.to_svg("breast <cancer>").unwrap();
        assert_eq!(svg, history.to_svg("breast <cancer>").unwrap());
        assert!(svg.contains("training") && svg.contains("held out"));
        for color in ["#1F77B4", "#D62728"] {
            assert_eq!(svg.matches(color).count(), 2, "a curve and its entry in the legend");
        }
        assert!(!svg.contains("<cancer>"), "the title is escaped");
    }
}
