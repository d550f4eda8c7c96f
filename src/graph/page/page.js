
'use strict';
(() => {
  // Every text of the manifests gets onto the page as text: by textContent and setAttribute alone.
  const data = JSON.parse(document.getElementById('data').textContent);
  const { words, kinds, states, ways: wayKinds } = data;
  const LIST = 60;
  const ROWS = 40;
  const place = ([object, field, says, file, line]) => ({
    object: words[object], field: words[field], says: words[says], file: words[file], line,
  });
  const nodes = data.nodes.map(([kind, namespace, title, lines, state, judged, places], index) => ({
    index, kind: kinds[kind], namespace: words[namespace], title: words[title], lines: lines.map((at) => words[at]),
    state: states[state], judged, places,
  }));
  const edges = data.edges.map(([from, to, kind, label, places], index) => ({
    index, from, to, kind: wayKinds[kind][0], meaning: wayKinds[kind][1], label: words[label], places,
  }));
  const leaving = nodes.map(() => []);
  const arriving = nodes.map(() => []);
  for (const edge of edges) {
    leaving[edge.from].push(edge);
    arriving[edge.to].push(edge);
  }
  const texts = nodes.map((node) => `${node.title} ${node.lines.join(' ')} ${node.namespace} ${node.kind}`.toLowerCase());

  const byId = (id) => document.getElementById(id);
  const [search, found, count, main, waysOf, details] = ['search', 'found', 'count', 'main', 'ways', 'details'].map(byId);
  const element = (name, properties = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key === 'class') made.className = value;
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  };
  const number = (value) => value.toLocaleString('en');

  // ---- Search ----
  const ORDER = { person: 0, workload: 1, start: 2, entry: 3, route: 4, note: 5, guard: 6 };
  /** What is open stands first, then people, then workloads. */
  const rank = (node) => (node.state === 'open' ? -1 : ORDER[node.kind]);
  const ordered = nodes.map((node) => node.index).sort((a, b) => rank(nodes[a]) - rank(nodes[b]) || a - b);
  let shown = [];
  let active = -1;

  function look() {
    const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = ordered.filter((index) => asked.every((word) => texts[index].includes(word)));
    if (asked.length) {
      const whole = search.value.trim().toLowerCase();
      const near = (index) => (nodes[index].title.toLowerCase() === whole ? 0 : nodes[index].title.toLowerCase().startsWith(whole) ? 1 : 2);
      all.sort((a, b) => near(a) - near(b)); // stable: the order above is kept otherwise
    }
    shown = all.slice(0, LIST);
    active = -1;
    found.replaceChildren(...shown.map(option));
    search.removeAttribute('aria-activedescendant');
    count.textContent = all.length > LIST ? `${LIST} of ${number(all.length)}; type more to find others` : `${number(all.length)} found`;
  }

  function option(index, at) {
    const node = nodes[index];
    const kind = node.lines[0] || node.kind;
    const where = node.namespace ? `${kind} · ${node.namespace}` : kind;
    const item = element('li', { role: 'option', id: `option-${at}`, 'aria-selected': 'false' }, node.title);
    if (node.state === 'open') item.append(element('span', { class: 'p-open-mark' }, ' OPEN'));
    item.append(element('small', {}, where));
    item.addEventListener('click', () => choose(index));
    return item;
  }

  function activate(at) {
    if (!shown.length) return;
    found.children[active]?.setAttribute('aria-selected', 'false');
    active = (at + shown.length) % shown.length;
    const item = found.children[active];
    item.setAttribute('aria-selected', 'true');
    item.scrollIntoView({ block: 'nearest' });
    search.setAttribute('aria-activedescendant', item.id);
  }

  // ---- Ways ----
  /** The ways that end at a node, each as a list of edges, one after the other and no more than are looked at. */
  function* before(index, skip) {
    const arrives = arriving[index].filter((edge) => !skip(edge));
    if (!arrives.length) yield [];
    for (const edge of arrives) for (const way of before(edge.from, skip)) yield [...way, edge];
  }
  function* after(index) {
    if (!leaving[index].length) yield [];
    for (const edge of leaving[index]) for (const way of after(edge.to)) yield [edge, ...way];
  }
  const isRight = (edge) => nodes[edge.from].kind === 'person';
  const fromOutside = (edge) => ['start', 'person'].includes(nodes[edge.from].kind) && !isOutside(edge.from);
  const isOutside = (index) => nodes[index].kind === 'start' && arriving[index].length === 0 && leaving[index].some((edge) => nodes[edge.to].kind === 'entry');

  /** A row: node, way, node, … For a person: from them through login and route to the guard, and what that lets them do. */
  function* rowsOfPerson(index) {
    for (const right of leaving[index]) {
      const behind = [...after(right.to)];
      let any = false;
      for (const way of before(right.to, fromOutside)) {
        if (!way.length) continue;
        any = true;
        for (const rest of behind) yield [nodes[index], ...way.flatMap((edge) => [edge, nodes[edge.to]]), right, ...rest.flatMap((edge) => [edge, nodes[edge.to]])];
      }
      if (!any) for (const rest of behind) yield [nodes[index], right, nodes[right.to], ...rest.flatMap((edge) => [edge, nodes[edge.to]])];
    }
  }
  function* rowsThrough(index) {
    for (const way of before(index, isRight)) {
      for (const rest of after(index)) {
        const all = [...way, ...rest];
        const first = all.length ? nodes[all[0].from] : nodes[index];
        yield [first, ...all.flatMap((edge) => [edge, nodes[edge.to]])];
      }
    }
  }
  function* letIn(index) {
    const guards = nodes[index].kind === 'guard' ? [index] : arriving[index].filter((edge) => nodes[edge.from].kind === 'guard').map((edge) => edge.from);
    for (const guard of guards) for (const edge of arriving[guard].filter(isRight)) yield [nodes[edge.from], edge, nodes[guard]];
  }
  function* openToAll() {
    for (const edge of edges) if (edge.kind === 'open' && nodes[edge.to].kind === 'workload') for (const way of before(edge.from, isRight)) {
      const all = [...way, edge];
      yield [nodes[all[0].from], ...all.flatMap((step) => [step, nodes[step.to]])];
    }
  }

  let pressed = null;
  function chip(thing) {
    const isNode = 'title' in thing;
    const button = isNode
      ? element('button', { type: 'button', class: 'p-node', 'data-state': thing.state, 'aria-pressed': 'false' }, thing.title)
      : element('button', { type: 'button', class: 'p-way', 'data-kind': thing.kind, 'aria-pressed': 'false' }, thing.label || thing.meaning);
    if (isNode && thing.lines.length) button.append(element('small', {}, thing.lines[0]));
    button.addEventListener('click', () => tell(thing, button));
    return button;
  }

  /** A list that grows when asked to. */
  function section(title, rows) {
    const list = element('ul', { class: 'p-rows' });
    const more = element('button', { type: 'button', class: 'p-more' }, `Show ${ROWS} more`);
    let next = rows.next();
    if (next.done) return [];
    const grow = () => {
      const first = list.children.length;
      for (let at = 0; at < ROWS && !next.done; at += 1) {
        list.append(element('li', {}, ...next.value.map(chip)));
        next = rows.next();
      }
      more.hidden = Boolean(next.done);
      if (first) list.children[first]?.querySelector('button')?.focus();
    };
    more.addEventListener('click', grow);
    grow();
    return [element('h3', {}, title), list, more];
  }

  function choose(index) {
    const node = nodes[index];
    const where = node.namespace && node.kind !== 'person' ? ` in ${node.namespace}` : '';
    const parts = [element('h2', {}, `${node.title}${where}`)];
    if (node.kind === 'person') {
      const rows = section('Reaches, through a guard', rowsOfPerson(index));
      parts.push(...(rows.length ? rows : [element('p', {}, 'No guard lets them in.')]));
      parts.push(...section('Open to anybody who gets there', openToAll()));
    } else {
      parts.push(...section('Ways', rowsThrough(index)), ...section('Who the guard lets in', letIn(index)));
      if (node.kind === 'workload' && !arriving[index].length) parts.push(element('p', {}, 'No way in is known.'));
    }
    waysOf.replaceChildren(...parts);
    tell(node, null);
    main.focus();
    main.scrollIntoView({ block: 'nearest' });
  }

  // ---- Where it is written ----
  function tell(thing, button) {
    pressed?.setAttribute('aria-pressed', 'false');
    pressed = button;
    button?.setAttribute('aria-pressed', 'true');
    const isNode = 'title' in thing;
    const parts = [];
    if (isNode) {
      parts.push(element('h2', {}, thing.title));
      for (const line of thing.lines) parts.push(element('div', {}, line));
      if (thing.namespace) parts.push(element('div', {}, `namespace ${thing.namespace}`));
      for (const at of thing.judged) {
        const [severity, rule, message, advice] = data.judged[at].map((word) => words[word]);
        parts.push(element('p', { class: 'p-judged' }, element('strong', {}, `${severity}: ${rule}`), ` ${message} `, element('em', {}, advice)));
      }
    } else {
      parts.push(element('h2', {}, `${nodes[thing.from].title} → ${nodes[thing.to].title}`), element('div', {}, thing.label || thing.meaning), element('div', {}, thing.label ? thing.meaning : ''));
    }
    const places = thing.places.map((at) => place(data.places[at]));
    const items = places.map((at) => element('li', {},
      element('code', {}, at.file ? `${at.file}:${at.line}` : 'not in a file'),
      element('span', {}, at.object), element('small', {}, [at.field, at.says].filter(Boolean).join(': '))));
    parts.push(items.length ? element('ul', { class: 'p-places' }, ...items) : element('p', {}, 'Written nowhere by itself.'));
    if (isNode && button) {
      const go = element('button', { type: 'button', class: 'p-more' }, 'Show its ways');
      go.addEventListener('click', () => choose(thing.index));
      parts.push(go);
    }
    details.replaceChildren(...parts);
  }

  // ---- Hands on the keys ----
  search.addEventListener('input', look);
  search.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown') activate(active + 1);
    else if (event.key === 'ArrowUp') activate(active < 0 ? -1 : active - 1);
    else if (event.key === 'Enter' && shown.length) choose(shown[Math.max(active, 0)]);
    else if (event.key === 'Escape') { search.value = ''; look(); }
    else return;
    event.preventDefault();
  });
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = document.activeElement === search;
    if (event.key === '/' && !typing) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === 'Escape' && !typing) {
      if (document.activeElement?.closest('aside') && pressed) pressed.focus();
      else search.focus();
    } else if (event.key.startsWith('Arrow') && document.activeElement?.closest('.p-rows')) {
      step(event);
    } else if (event.key === 'Enter' || event.key === ' ') {
      const drawn = document.activeElement?.closest('[data-node], [data-search]');
      if (drawn) { event.preventDefault(); pick(drawn); }
    }
  });
  /** Left and right within a row, up and down between rows. */
  function step(event) {
    const button = document.activeElement;
    const row = button.closest('li');
    const all = [...row.querySelectorAll('button')];
    const at = all.indexOf(button);
    let to = null;
    if (event.key === 'ArrowRight') to = all[at + 1];
    if (event.key === 'ArrowLeft') to = all[at - 1];
    const next = event.key === 'ArrowDown' ? row.nextElementSibling : event.key === 'ArrowUp' ? row.previousElementSibling : null;
    if (next) to = next.querySelectorAll('button')[Math.min(at, next.children.length - 1)];
    if (to) { event.preventDefault(); to.focus(); }
  }

  // ---- The picture ----
  function pick(drawn) {
    if (drawn.dataset.node !== undefined) choose(Number(drawn.dataset.node));
    else { search.value = drawn.dataset.search; look(); search.focus(); }
  }
  document.querySelector('.p-picture').addEventListener('click', (event) => {
    const drawn = event.target.closest('[data-node], [data-search]');
    if (drawn) pick(drawn);
  });

  look();
})();
