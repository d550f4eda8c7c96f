//! Where everything stands: columns from left to right, ways between them.
//!
//! A layered layout of its own, because the layers are given: who, entry, route, guard, workload. Libraries that find layers
//! for any graph put two guards into different columns, and know no frames. A way that passes a column gets a lane there, so
//! that no line runs over a box. Whole numbers throughout: the same picture everywhere.

use unicode_width::UnicodeWidthChar;

use super::escape::one_line;
use super::picture::{EdgeKind, Judged, Kind, Node, Picture};
use crate::krm::results::Severity;

/// Sizes of text, in pixels.
pub(super) const TITLE: i32 = 13;
pub(super) const LINE: i32 = 11;
/// Between the top of a box and its first text, and from line to line.
pub(super) const PADDING: i32 = 9;
pub(super) const STEP: i32 = 15;
/// Left of the text: room for an icon, where there is one.
pub(super) const ICON: i32 = 18;

const COLUMNS: usize = 5;
const MIN_WIDTH: i32 = 96;
const MAX_WIDTH: i32 = 230;
const MIN_GAP: i32 = 52;
const MAX_GAP: i32 = 156;
/// What a lane takes of its column's height, and what lies between any two in a column.
const LANE: i32 = 15;
const BETWEEN: i32 = 12;
const PORT: i32 = 14;
const FRAME: i32 = 10;
const FRAME_TITLE: i32 = 20;
const MARGIN: i32 = 20;

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rect {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

/// A line through points; between each two it bends, or runs straight where they are level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) points: Vec<(i32, i32)>,
    /// Where its text stands: left end of its baseline, and the room there.
    pub(super) label: (i32, i32, i32),
}

/// Everything in its place. Boxes and lines are in the order of nodes and edges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) boxes: Vec<Rect>,
    pub(super) lines: Vec<Line>,
    pub(super) frames: Vec<(String, Rect)>,
}

/// What stands in a column.
#[derive(Debug, Clone, Copy)]
struct Cell {
    /// A node; else a lane.
    node: Option<usize>,
    height: i32,
    /// Its middle.
    y: i32,
}

struct Grid {
    columns: Vec<Vec<Cell>>,
    /// For each node, its index in its column.
    cell_of: Vec<usize>,
    /// For each edge, the cells it goes through: column and index.
    chains: Vec<Vec<(usize, usize)>>,
}

/// The texts that are drawn in a box, its title first.
pub(super) fn texts(node: &Node) -> Vec<String> {
    let mut all = vec![one_line(&node.title)];
    all.extend(node.lines.iter().map(|line| one_line(line)));
    let rule = |judged: &Judged| {
        let sign = if judged.severity == Severity::Info {
            "?"
        } else {
            "!"
        };
        format!("{sign} {}", judged.rule)
    };
    let mut rules: Vec<String> = node.judged.iter().map(rule).collect();
    rules.sort_unstable();
    rules.dedup();
    all.extend(rules);
    all
}

/// Lays a picture out below `top`.
pub(super) fn layout(picture: &Picture, top: i32) -> Layout {
    let heights = heights(picture);
    let mut grid = Grid::of(picture, &heights);
    let frames = grid.last_columns(picture, top);
    for column in (0..COLUMNS - 2).rev() {
        grid.place(column, top);
    }
    let (left, widths) = columns(picture);
    let boxes: Vec<Rect> = picture
        .nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            let column = node.kind.column();
            let cell = grid.columns[column][grid.cell_of[index]];
            let height = heights[index];
            Rect {
                x: left[column],
                y: cell.y - height / 2,
                width: widths[column],
                height,
            }
        })
        .collect();
    let lines = lines(picture, &grid, &boxes, &left, &widths);
    let bottom = |cells: &Vec<Cell>| {
        cells
            .iter()
            .map(|cell| cell.y + cell.height / 2)
            .max()
            .unwrap_or(top)
    };
    let height = grid.columns.iter().map(bottom).max().unwrap_or(top);
    let right = left[COLUMNS - 1] + widths[COLUMNS - 1];
    let frame = |(name, from, to): (String, i32, i32)| {
        let x = left[COLUMNS - 2] - FRAME;
        let rect = Rect {
            x,
            y: from,
            width: right + FRAME - x,
            height: to - from,
        };
        (name, rect)
    };
    let frames: Vec<(String, Rect)> = frames.into_iter().map(frame).collect();
    let framed = frames.iter().map(|(_, rect)| rect.y + rect.height).max();
    Layout {
        width: right + FRAME + MARGIN,
        height: height.max(framed.unwrap_or(top)) + MARGIN,
        boxes,
        lines,
        frames,
    }
}

/// How high each node's box is: its text, and room for the ways that end there.
fn heights(picture: &Picture) -> Vec<i32> {
    let mut ends = vec![(0_i32, 0_i32); picture.nodes.len()];
    for edge in &picture.edges {
        ends[edge.from].1 += 1;
        ends[edge.to].0 += 1;
    }
    let height = |(node, (into, out)): (&Node, &(i32, i32))| {
        let lines = i32::try_from(texts(node).len()).unwrap_or(i32::MAX / STEP / 2);
        let text = lines * STEP + 2 * PADDING - 2;
        text.max(into.max(out).saturating_mul(PORT) + PORT)
    };
    picture.nodes.iter().zip(&ends).map(height).collect()
}

/// Left sides and widths of the columns.
fn columns(picture: &Picture) -> (Vec<i32>, Vec<i32>) {
    let mut widths = vec![0; COLUMNS];
    for node in &picture.nodes {
        let column = node.kind.column();
        for (at, text) in texts(node).iter().enumerate() {
            let size = if at == 0 { TITLE } else { LINE };
            let wide = width(text, size, at == 0) + indent(node) + 2 * PADDING;
            widths[column] = widths[column].max(wide.clamp(MIN_WIDTH, MAX_WIDTH));
        }
    }
    let mut gaps = vec![MIN_GAP; COLUMNS];
    for edge in &picture.edges {
        let from = picture.nodes[edge.from].kind.column();
        let to = picture.nodes[edge.to].kind.column();
        let wide = width(&edge.label, LINE, edge.kind == EdgeKind::Open);
        if to == from + 1 {
            gaps[from] = gaps[from].max((wide + 24).min(MAX_GAP));
        } else {
            // Its text stands in the last column that it passes.
            widths[to - 1] = widths[to - 1].max((wide + 6).min(MAX_WIDTH));
        }
    }
    let mut left = Vec::new();
    let mut x = MARGIN;
    for (width, gap) in widths.iter().zip(&gaps) {
        left.push(x);
        // A column with nothing in it takes no room.
        x += if *width == 0 { 0 } else { width + gap };
    }
    (left, widths)
}

/// What stands left of a box's text.
pub(super) fn indent(node: &Node) -> i32 {
    match node.kind {
        Kind::Person | Kind::Start | Kind::Guard => ICON,
        _ => 0,
    }
}

// === impl Grid ===

impl Grid {
    fn of(picture: &Picture, heights: &[i32]) -> Self {
        let mut order: Vec<usize> = (0..picture.nodes.len()).collect();
        // Frames hold together what stands in one namespace, whatever its kind.
        order.sort_by(|a, b| {
            let key = |index: &usize| {
                let node = &picture.nodes[*index];
                let last = node.kind.column() == COLUMNS - 1;
                (
                    node.kind.column(),
                    last.then_some(node.namespace.as_str()),
                    *index,
                )
            };
            key(a).cmp(&key(b))
        });
        let mut columns: Vec<Vec<Cell>> = vec![Vec::new(); COLUMNS];
        let mut cell_of = vec![0; picture.nodes.len()];
        for index in order {
            let column = &mut columns[picture.nodes[index].kind.column()];
            cell_of[index] = column.len();
            column.push(Cell {
                node: Some(index),
                height: heights[index],
                y: 0,
            });
        }
        let mut chains = Vec::new();
        for edge in &picture.edges {
            let from = picture.nodes[edge.from].kind.column();
            let to = picture.nodes[edge.to].kind.column();
            let mut chain = vec![(from, cell_of[edge.from])];
            for (at, column) in columns.iter_mut().enumerate().take(to).skip(from + 1) {
                chain.push((at, column.len()));
                column.push(Cell {
                    node: None,
                    height: LANE,
                    y: 0,
                });
            }
            chain.push((to, cell_of[edge.to]));
            chains.push(chain);
        }
        Self {
            columns,
            cell_of,
            chains,
        }
    }

    /// For each cell of a column, the cells that its ways lead to in the next.
    fn targets(&self, column: usize) -> Vec<Vec<usize>> {
        let mut targets = vec![Vec::new(); self.columns[column].len()];
        for chain in &self.chains {
            for pair in chain.windows(2) {
                if let [(at, cell), (next, target)] = pair
                    && *at == column
                    && *next == column + 1
                {
                    targets[*cell].push(*target);
                }
            }
        }
        targets
    }

    /// Puts the last column from top to bottom, each with room for what leads there, and that beside it: guards, then ways
    /// past them. Gives the frames.
    fn last_columns(&mut self, picture: &Picture, top: i32) -> Vec<(String, i32, i32)> {
        let last = COLUMNS - 1;
        let mut room = vec![0; self.columns[last].len()];
        let targets = self.targets(last - 1);
        for (cell, targets) in self.columns[last - 1].iter().zip(&targets) {
            if let Some(target) = targets.first() {
                room[*target] += cell.height + BETWEEN;
            }
        }
        let mut frames: Vec<(String, i32, i32)> = Vec::new();
        let mut y = top;
        let mut within: Option<&str> = None;
        let mut tops: Vec<(i32, i32)> = Vec::new();
        for (cell, room) in self.columns[last].iter_mut().zip(&room) {
            let Some(node) = cell.node.map(|index| &picture.nodes[index]) else {
                continue;
            };
            let namespace = node.namespace.as_str();
            if within != Some(namespace) {
                let first = within.is_none();
                within = Some(namespace);
                if !namespace.is_empty() {
                    y += if first { 0 } else { FRAME };
                    frames.push((namespace.to_owned(), y, y));
                    y += FRAME_TITLE + 4;
                } else if !first {
                    y += FRAME;
                }
            }
            let slot = cell.height.max(room - BETWEEN);
            cell.y = y + slot / 2;
            tops.push((y, slot));
            y += slot + BETWEEN;
            if let Some(frame) = frames.last_mut().filter(|(name, ..)| name == namespace) {
                frame.2 = y;
            }
        }
        // What needs less than its workload stands in the middle beside it.
        let mut next: Vec<i32> = tops
            .iter()
            .zip(&room)
            .map(|((top, slot), room)| top + (slot - (room - BETWEEN)) / 2)
            .collect();
        for (cell, targets) in self.columns[last - 1].iter_mut().zip(&targets) {
            let next = targets.first().and_then(|target| next.get_mut(*target));
            let Some(y) = next else { continue };
            cell.y = *y + cell.height / 2;
            *y += cell.height + BETWEEN;
        }
        frames
    }

    /// Puts a column's cells beside what they lead to, as near as they can stand without overlapping.
    fn place(&mut self, column: usize, top: i32) {
        let targets = self.targets(column);
        let next = &self.columns[column + 1];
        let wish = |cell: usize| -> i32 {
            let count = i32::try_from(targets[cell].len()).unwrap_or(i32::MAX);
            let sum: i32 = targets[cell].iter().map(|target| next[*target].y).sum();
            if count == 0 { top } else { sum / count }
        };
        let wishes: Vec<i32> = (0..self.columns[column].len()).map(wish).collect();
        let mut order: Vec<usize> = (0..wishes.len()).collect();
        order.sort_by_key(|cell| (wishes[*cell], *cell));
        // Neighbours that want the same place share it around its middle.
        let mut blocks: Vec<Block> = Vec::new();
        for cell in order {
            let height = self.columns[column][cell].height + BETWEEN;
            let mut block = Block {
                top: wishes[cell] - height / 2,
                height,
                sum: i64::from(wishes[cell] - height / 2),
                cells: vec![cell],
            };
            block.top = block.top.max(top);
            while let Some(above) = blocks.pop_if(|above| above.top + above.height > block.top) {
                block = above.with(block, top);
            }
            blocks.push(block);
        }
        for block in blocks {
            let mut y = block.top;
            for cell in block.cells {
                let cell = &mut self.columns[column][cell];
                cell.y = y + cell.height / 2;
                y += cell.height + BETWEEN;
            }
        }
    }
}

/// Cells that touch each other.
struct Block {
    top: i32,
    height: i32,
    /// Of the tops that its cells would like it to have.
    sum: i64,
    cells: Vec<usize>,
}

// === impl Block ===

impl Block {
    fn with(mut self, below: Self, top: i32) -> Self {
        let shift = i64::from(self.height) * i64::try_from(below.cells.len()).unwrap_or(i64::MAX);
        self.sum += below.sum - shift;
        self.height += below.height;
        self.cells.extend(below.cells);
        let count = i64::try_from(self.cells.len()).unwrap_or(i64::MAX);
        self.top = i32::try_from(self.sum / count).unwrap_or(top).max(top);
        self
    }
}

/// The lines, each end at a place of its own on its box.
fn lines(picture: &Picture, grid: &Grid, boxes: &[Rect], left: &[i32], widths: &[i32]) -> Vec<Line> {
    let y_of = |(column, cell): (usize, usize)| grid.columns[column][cell].y;
    let mut out: Vec<Vec<(i32, usize)>> = vec![Vec::new(); boxes.len()];
    let mut into: Vec<Vec<(i32, usize)>> = vec![Vec::new(); boxes.len()];
    for (number, (edge, chain)) in picture.edges.iter().zip(&grid.chains).enumerate() {
        if let [_, second, ..] = chain.as_slice() {
            out[edge.from].push((y_of(*second), number));
        }
        if let [.., before, _] = chain.as_slice() {
            into[edge.to].push((y_of(*before), number));
        }
    }
    let leaves = ports(boxes, out);
    let arrives = ports(boxes, into);
    let mut lines = Vec::new();
    for (number, (edge, chain)) in picture.edges.iter().zip(&grid.chains).enumerate() {
        let start = boxes[edge.from].x + boxes[edge.from].width;
        let end = boxes[edge.to].x;
        let mut points = vec![(start, leaves.get(number).copied().unwrap_or_default())];
        // A column that takes no room is none.
        let passed = chain[1..chain.len() - 1].iter();
        let lanes: Vec<_> = passed.filter(|lane| widths[lane.0] > 0).collect();
        for lane in &lanes {
            let y = y_of(**lane);
            points.push((left[lane.0], y));
            points.push((left[lane.0] + widths[lane.0], y));
        }
        points.push((end, arrives.get(number).copied().unwrap_or_default()));
        let label = match lanes.last() {
            Some(lane) => (left[lane.0] + 2, y_of(**lane) - 3, widths[lane.0] - 4),
            None => (start + 6, points[0].1 - 4, end - start - 14),
        };
        lines.push(Line { points, label });
    }
    lines
}

/// For each edge, where on the side of its box it ends.
fn ports(boxes: &[Rect], ends: Vec<Vec<(i32, usize)>>) -> Vec<i32> {
    let count = ends.iter().map(Vec::len).sum();
    let mut found = vec![0; count];
    for (place, mut ends) in boxes.iter().zip(ends) {
        ends.sort_unstable();
        let last = i32::try_from(ends.len()).unwrap_or(i32::MAX) - 1;
        let middle = place.y + place.height / 2;
        let mut y = middle - last * PORT / 2;
        for (_, number) in ends {
            found[number] = y;
            y += PORT;
        }
    }
    found
}

/// How wide a text is at most, in pixels, in any of the fonts that a browser may take: those of the widest among them.
pub(super) fn width(text: &str, size: i32, bold: bool) -> i32 {
    let hundredths: i32 = text.chars().map(hundredths).sum();
    let bold = if bold { 112 } else { 100 };
    (hundredths * size / 100 * bold + 99) / 100
}

/// A character's width in hundredths of the font's size: `DejaVu` Sans's, which is wider than what else browsers take.
fn hundredths(character: char) -> i32 {
    match character {
        'i' | 'j' | 'l' | 'I' | 'J' | '\'' => 30,
        '.' | ',' | ':' | ';' | '|' | '!' | ' ' | '/' | '\\' | '-' | 'f' => 36,
        't' | 'r' | '(' | ')' | '[' | ']' => 42,
        '"' | '_' | '*' | '?' | '`' | 's' | 'z' | 'c' => 56,
        'm' | 'W' | '@' | '%' => 100,
        'w' | 'M' | '+' | '=' | '<' | '>' | '~' | '#' | '&' | '^' => 86,
        'A'..='Z' => 78,
        character if character.is_ascii() => 64,
        character => match character.width() {
            None | Some(0) => 60,
            Some(1) => 90,
            Some(_) => 130,
        },
    }
}

/// As much of a text as has room, with an ellipsis where something is left out.
pub(super) fn fitted(text: &str, room: i32, size: i32, bold: bool) -> String {
    let text = one_line(text);
    if width(&text, size, bold) <= room {
        return text;
    }
    // The end of a path tells more than its beginning.
    let path = text.starts_with('/');
    let mut kept: Vec<char> = Vec::new();
    let mut taken = size;
    let characters: Box<dyn Iterator<Item = char>> = if path {
        Box::new(text.chars().rev())
    } else {
        Box::new(text.chars())
    };
    for character in characters {
        taken += width(character.encode_utf8(&mut [0; 4]), size, bold);
        if taken > room {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    if path {
        kept.reverse();
    }
    kept.into_iter().collect()
}
