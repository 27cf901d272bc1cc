// Runs in an isolated world of every document: page scripts can neither see nor change it.
// It names elements, writes the snapshot, and reports the inputs that really reached them.
(() => {
  if (globalThis.cairn) return;
  const refs = new Map(), elements = new Map();  // element -> ref, ref -> element
  let begunDrag = null;  // the event of the drag that is under way
  const touched = new Set();  // elements that a trusted input reached since the last snapshot
  const values = new Map();  // field -> value at the last snapshot
  const MAX_LINES = 5000;  // of a snapshot; a page that is longer ends there
  let shown = new Set(), dialogs = new Set(), notices = new Map(), inputs = [];

  // What leaves the page must be encodable; a script may have cut a text inside a character.
  const wellFormed = (_, value) => typeof value === 'string' ? value.toWellFormed() : value;
  // A page's own text must not look like a ref.
  const squeeze = text => (text || '').replace(/[\s\u200b]+/g, ' ').replaceAll('[ref=', '(ref=').trim();
  const LANDMARK = new Set(['navigation', 'main', 'banner', 'contentinfo', 'form', 'region',
    'complementary', 'search', 'group', 'generic', 'list', 'table', 'rowgroup', 'none',
    'presentation', 'dialog', 'alertdialog', 'paragraph', 'listitem', 'toolbar', 'menu', 'menubar',
    'tablist', 'tabpanel', 'figure', 'article', 'radiogroup', 'listbox', 'grid', 'blockquote',
    'status', 'alert', 'log', 'term', 'definition', 'code', 'document', 'separator', 'row']);
  const ACTS = new Set(['link', 'button', 'textbox', 'searchbox', 'spinbutton', 'combobox',
    'checkbox', 'switch', 'radio', 'slider', 'option', 'tab', 'menuitem', 'treeitem', 'gridcell']);
  const TAGS = { A: e => e.hasAttribute('href') ? 'link' : 'generic', BUTTON: () => 'button',
    SUMMARY: e => e.matches('details > summary:first-of-type') ? 'button' : 'generic', TEXTAREA: () => 'textbox',
    SELECT: e => e.multiple || e.size > 1 ? 'listbox' : 'combobox', OPTION: () => 'option',
    H1: () => 'heading', H2: () => 'heading', H3: () => 'heading', H4: () => 'heading',
    H5: () => 'heading', H6: () => 'heading', IMG: e => e.alt === '' ? 'none' : 'img',
    NAV: () => 'navigation', MAIN: () => 'main', HEADER: () => 'banner', FOOTER: () => 'contentinfo',
    FORM: () => 'form', SECTION: () => 'region', ASIDE: () => 'complementary', TABLE: () => 'table',
    TR: () => 'row', TD: () => 'cell', TH: e => e.scope === 'row' ? 'rowheader' : 'columnheader',
    TBODY: () => 'rowgroup', THEAD: () => 'rowgroup', TFOOT: () => 'rowgroup', UL: () => 'list',
    OL: () => 'list', LI: () => 'listitem', DIALOG: () => 'dialog', P: () => 'paragraph',
    OUTPUT: () => 'status', FIELDSET: () => 'group', PROGRESS: () => 'progressbar',
    METER: () => 'meter', HR: () => 'separator', ARTICLE: () => 'article' };
  const INPUTS = { checkbox: 'checkbox', radio: 'radio', submit: 'button', button: 'button',
    reset: 'button', image: 'button', file: 'button', number: 'spinbutton', search: 'searchbox',
    range: 'slider', hidden: 'none' };

  function roleOf(el) {
    const explicit = el.getAttribute('role');
    if (explicit) return explicit.trim().split(/\s+/)[0];
    if (el.tagName === 'INPUT') {
      return el.hasAttribute('list') ? 'combobox' : INPUTS[el.type] || 'textbox';
    }
    const byTag = TAGS[el.tagName];
    if (byTag) return byTag(el);
    return el.isContentEditable && !el.parentElement?.isContentEditable ? 'textbox' : 'generic';
  }

  // An element without a box of its own, such as a slot, is as visible as what it lies in.
  const isVisible = el => el.checkVisibility({ visibilityProperty: true, opacityProperty: false })
    || getComputedStyle(el).display === 'contents' && isVisible(el.parentElement ?? el.getRootNode().host);
  const isHidden = el => el.getAttribute('aria-hidden') === 'true' || el.inert;

  function textOf(el) {
    let text = '';
    for (const node of el.childNodes) {
      if (node.nodeType === 3) text += node.data;
      else if (node.nodeType === 1 && !isHidden(node) && isVisible(node)) {
        const inner = node.tagName === 'IMG' ? node.alt : node.tagName === 'INPUT' ? ''
          : node.getAttribute('aria-label') || textOf(node);
        const isInline = getComputedStyle(node).display.startsWith('inline');
        text += isInline ? inner : ' ' + inner + ' ';
      }
    }
    return text;
  }

  function nameOf(el, role) {
    const by = el.getAttribute('aria-labelledby');
    if (by) {
      const parts = by.split(/\s+/).map(id => document.getElementById(id)).filter(Boolean);
      if (parts.length) return squeeze(parts.map(textOf).join(' '));
    }
    const label = squeeze(el.getAttribute('aria-label'));
    if (label) return label;
    if (el.tagName === 'INPUT' && ['submit', 'button', 'reset'].includes(el.type)) {
      return squeeze(el.value) || (el.type === 'submit' ? 'Submit' : el.type === 'reset' ? 'Reset' : '');
    }
    if (el.labels?.length) return squeeze([...el.labels].map(labelText).join(' '));
    if (el.tagName === 'IMG') return squeeze(el.alt);
    if (el.tagName === 'TABLE' && el.caption) return squeeze(textOf(el.caption));
    if (el.tagName === 'FIELDSET') return squeeze(textOf(el.querySelector('legend') || el.cloneNode()));
    if (ACTS.has(role) && !['textbox', 'searchbox', 'combobox', 'spinbutton'].includes(role)
        || ['heading', 'cell', 'rowheader', 'columnheader'].includes(role)) {
      const text = squeeze(textOf(el));
      if (text) return text;
    }
    return squeeze(el.getAttribute('title') || el.getAttribute('placeholder'));
  }

  function labelText(label) {  // a label's own text, without the field that it may wrap
    let text = '';
    for (const node of label.childNodes) {
      if (node.nodeType === 3) text += node.data;
      else if (node.nodeType === 1 && !node.matches('input,select,textarea,button')) text += ' ' + textOf(node);
    }
    return text;
  }

  const isField = el => el.matches('input:not([type=hidden],[type=submit],[type=button],[type=reset],'
    + '[type=checkbox],[type=radio],[type=image]),textarea,select') || el.isContentEditable;
  const isDisabled = el => el.matches(':disabled');  // a fieldset disables what it holds
  const isToggle = el => el.matches('input[type=checkbox],input[type=radio],[aria-checked]');
  const isChecked = el => el.tagName === 'INPUT' ? el.checked : el.getAttribute('aria-checked') === 'true';

  function valueOf(el) {
    if (el.tagName === 'SELECT') return squeeze(el.selectedOptions[0]?.label);
    if (el.type === 'file') return [...el.files].map(file => file.name).join(', ');
    if (el.type === 'password') return '•'.repeat(el.value.length);
    return el.value ?? squeeze(textOf(el));
  }

  function refOf(el) {
    let ref = refs.get(el);
    if (!ref) {
      ref = 'e' + (refs.size + 1);
      refs.set(el, ref);
      elements.set(ref, el);
    }
    return ref;
  }

  function stateOf(el, role) {
    let state = '';
    if (isToggle(el) && isChecked(el)) state += ' [checked]';
    if (isDisabled(el) || el.getAttribute('aria-disabled') === 'true') state += ' [disabled]';
    if (el.getAttribute('aria-expanded') === 'true') state += ' [expanded]';
    if (el.getAttribute('aria-selected') === 'true') state += ' [selected]';
    if (el.getAttribute('aria-invalid') === 'true') state += ' [invalid]';
    if (el.getAttribute('aria-current') && el.getAttribute('aria-current') !== 'false') state += ' [current]';
    if (role === 'heading' && el.getAttribute('aria-level')) state += ` [level=${el.getAttribute('aria-level')}]`;
    return state;
  }

  class Walk {
    constructor() { this.lines = []; this.seen = new Set(); this.dialogs = new Set(); this.notices = new Map(); this.fields = []; }

    line(depth, text) {
      if (this.lines.length < MAX_LINES) this.lines.push('  '.repeat(depth) + '- ' + text);
      else this.isFull = true;
    }

    children(el, depth) {
      const nodes = el.shadowRoot ? el.shadowRoot.childNodes : el.assignedNodes?.().length ? el.assignedNodes() : el.childNodes;
      let run = '';
      for (const node of nodes) {
        if (this.isFull) return;
        if (node.nodeType === 3) run += node.data;
        else if (node.nodeType === 1) {
          if (this.isInlineText(node)) { if (isVisible(node) && !isHidden(node)) run += textOf(node); continue; }
          if (squeeze(run)) this.line(depth, 'text: ' + squeeze(run));
          run = '';
          this.element(node, depth);
        }
      }
      if (squeeze(run)) this.line(depth, 'text: ' + squeeze(run));
    }

    isInlineText(el) {
      return el.matches('b,i,em,strong,span,small,code,mark,time,abbr,sub,sup,br,bdi,kbd,s,u,var,wbr')
        && !el.hasAttribute('role') && !el.querySelector('*:not(b,i,em,strong,span,small,code,mark,time,abbr,sub,sup,br,bdi,kbd,s,u,var,wbr),[role]');
    }

    element(el, depth) {
      if (el.matches('script,style,template,noscript,head,svg,label:not(:has(*))') && !el.hasAttribute('role')) return this.labelOnly(el, depth);
      if (isHidden(el)) return;
      if (!isVisible(el)) return;
      const role = roleOf(el);
      if (isField(el) || isToggle(el)) this.fields.push(el);
      if (ACTS.has(role)) return this.acting(el, role, depth);
      if (role === 'row') return this.row(el, depth);
      if (role === 'status' || role === 'alert') return this.notice(el, role, depth);
      const name = LANDMARK.has(role) && !['generic', 'paragraph', 'none'].includes(role) || role === 'heading' || role === 'img' ? nameOf(el, role) : '';
      if (role === 'heading' || role === 'img') {
        this.seen.add(role + '\0' + name);
        if (name) this.line(depth, `${role} "${name}"${stateOf(el, role)}`);
        return role === 'heading' ? [...el.querySelectorAll('a[href],button')].forEach(child => this.element(child, depth)) : undefined;
      }
      if (name) this.seen.add(role + '\0' + name);
      if (role === 'dialog' || role === 'alertdialog') {
        this.dialogs.add(name);
        this.line(depth, `${role} "${name}"`);
        return this.children(el, depth + 1);
      }
      if (['table', 'list', 'grid', 'group', 'listbox', 'radiogroup', 'tablist', 'figure'].includes(role) && name) {
        this.line(depth, `${role} "${name}"`);
      }
      this.children(el, depth);
    }

    labelOnly(el, depth) {  // a label without elements names its field and is not repeated
      if (el.tagName === 'LABEL' && !el.control && isVisible(el) && squeeze(el.textContent)) this.line(depth, 'text: ' + squeeze(el.textContent));
    }

    acting(el, role, depth) {
      const name = nameOf(el, role);
      this.seen.add(role + '\0' + name);
      let line = `${role} "${name}"${stateOf(el, role)} [ref=${refOf(el)}]`;
      if (isField(el)) {
        const value = squeeze(valueOf(el));
        if (value) line += ': ' + value;
        if (el.tagName === 'SELECT') line += ` (${[...el.options].map(option => squeeze(option.label)).join(' | ')})`;
      }
      this.line(depth, line);
    }

    row(el, depth) {
      const cells = [...el.children].filter(cell => isVisible(cell) && !isHidden(cell));
      const names = cells.map(cell => squeeze(textOf(cell)));
      for (let i = 0; i < cells.length; i++) this.seen.add(roleOf(cells[i]) + '\0' + names[i]);
      this.seen.add('row\0' + names.filter(Boolean).join(' '));
      if (el.parentElement?.tagName === 'THEAD') return this.line(depth, 'columns ' + names.map(name => `"${name}"`).join(' '));
      this.line(depth, `row ${names.filter(Boolean).map(name => `"${name}"`).join(' ')} [ref=${refOf(el)}]`);
      for (const cell of cells) for (const inner of cell.querySelectorAll('a[href],button,input,select,textarea,[role]')) this.element(inner, depth + 1);
    }

    notice(el, role, depth) {
      const text = squeeze(textOf(el));
      if (!text) return;
      this.seen.add(role + '\0' + text);
      this.notices.set(el, role + '\0' + text);
      this.line(depth, `${role}: ${text}`);
      for (const inner of el.querySelectorAll('a[href],button')) this.element(inner, depth + 1);
    }
  }

  function snapshot() {
    const walk = new Walk(), events = inputs.splice(0);
    const modal = document.querySelector('dialog:modal');
    if (document.body) modal ? walk.element(modal, 0) : walk.children(document.body, 0);
    for (const el of walk.fields) {
      const role = roleOf(el), name = nameOf(el, role), before = values.get(el);
      if (isToggle(el)) {
        const checked = isChecked(el);
        if (before !== undefined && before !== checked) events.push(['ToggleChanged', { role, name, checked, by_agent: touched.has(el) }]);
        values.set(el, checked);
      } else {
        const value = valueOf(el);
        if (value !== (before ?? '')) events.push(['FieldFilled', { role, name, value, by_agent: touched.has(el) }]);
        values.set(el, value);
      }
    }
    for (const name of walk.dialogs) if (!dialogs.has(name)) events.push(['DialogOpened', { name, native: false }]);
    for (const name of dialogs) if (!walk.dialogs.has(name)) events.push(['DialogClosed', { name, native: false }]);
    for (const [el, text] of walk.notices) {
      if (notices.get(el) !== text) {
        const [role, shownText] = text.split('\0');
        events.push(['NotificationShown', { role, text: shownText }]);
      }
    }
    const added = [...walk.seen].filter(key => !shown.has(key)).map(key => key.split('\0'));
    if (added.length) events.push(['AxChanged', { added }]);
    shown = walk.seen; dialogs = walk.dialogs; notices = walk.notices;
    touched.clear();
    const navigation = performance.getEntriesByType('navigation')[0];
    return JSON.stringify({ url: location.href, title: document.title, now: Date.now(), status: navigation?.responseStatus ?? 0,
      page: walk.lines.concat(walk.isFull ? ['(the page goes on)'] : []).join('\n'), events }, wellFormed);
  }

  // Finds the element and says where to click it, or why it cannot be used.
  function locate(ref, purpose) {
    const el = elements.get(ref);
    if (!el) return { error: `no element ${ref} on this page` };
    if (!el.isConnected) return { error: `element ${ref} has gone from the page` };
    if (!isVisible(el)) return { error: `element ${ref} is hidden` };
    if (purpose === 'read') return { el };
    if (isDisabled(el)) return { error: `element ${ref} is disabled` };
    if (purpose === 'fill' && !isEditable(el)) return { error: `element ${ref} is a ${roleOf(el)}, not a text field` };
    if (purpose === 'select' && el.tagName !== 'SELECT') return { error: `element ${ref} is a ${roleOf(el)}, not a list box` };
    if (purpose === 'upload' && !(el.tagName === 'INPUT' && el.type === 'file')) return { error: `element ${ref} is a ${roleOf(el)}, not a file input` };
    const modal = document.querySelector('dialog:modal');
    if (modal && !modal.contains(el)) return { error: `element ${ref} is behind the dialog "${nameOf(modal, 'dialog')}"` };
    return { el };
  }

  const isEditable = el => el.isContentEditable || el.tagName === 'TEXTAREA' && !el.readOnly
    || el.tagName === 'INPUT' && !el.readOnly && !['checkbox', 'radio', 'submit', 'button', 'reset', 'file', 'image', 'range', 'color', 'hidden'].includes(el.type);

  // The first line of a text that wraps: the middle of the whole may lie beside it.
  const boxOf = el => [...el.getClientRects()].find(box => box.width && box.height) ?? el.getBoundingClientRect();

  function point(ref) {
    const { el, error } = locate(ref, 'click');
    if (error) return { error };
    let box = boxOf(el);
    if (!box.width || !box.height) return { error: `element ${ref} has no size` };
    const inside = () => box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;
    if (!inside()) { el.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' }); box = boxOf(el); }
    const x = box.x + box.width / 2, y = box.y + box.height / 2;
    const hit = el.getRootNode().elementFromPoint(x, y);
    if (!hit) return { error: `element ${ref} is off the screen` };
    if (!el.contains(hit) && !hit.contains(el) && hit.closest('label')?.control !== el) {
      return { error: `element ${ref} is covered by ${roleOf(hit)} "${nameOf(hit, roleOf(hit)).slice(0, 40)}"` };
    }
    return { x, y };
  }

  function dragPoints(ref, to) {  // both on the screen at once, and a look-out for a native drag
    for (const each of [to, ref]) {
      const spot = point(each);
      if (spot.error) return spot;
    }
    const from = point(ref), onto = boxOf(elements.get(to));
    const x = onto.x + onto.width / 2, y = onto.y + onto.height / 2;
    if (x < 0 || y < 0 || x > innerWidth || y > innerHeight) return { error: `elements ${ref} and ${to} are too far apart to be dragged` };
    begunDrag = null;
    addEventListener('dragstart', event => { begunDrag = event; }, { once: true, capture: true });
    return { from, onto: { x, y } };
  }

  const dragBegun = () => ({ isNative: begunDrag !== null && !begunDrag.defaultPrevented });

  function focus(ref, keep) {  // ready for typing: everything selected, or the caret at the end
    const { el, error } = locate(ref, 'fill');
    if (error) return { error };
    el.scrollIntoView({ block: 'nearest', behavior: 'instant' });
    el.focus();
    if (!el.matches(':focus')) return { error: `element ${ref} does not take the focus` };
    touched.add(el);
    if (el.isContentEditable) {
      getSelection().selectAllChildren(el);
      if (keep) getSelection().collapseToEnd();
    } else if (keep) { try { el.setSelectionRange(el.value.length, el.value.length); } catch { getSelection().modify('move', 'forward', 'lineboundary'); } }
    else el.select();
    return { isEmpty: !(el.value ?? el.textContent), needsValue: ['date', 'time', 'month', 'week', 'datetime-local'].includes(el.type) };
  }

  function setValue(ref, text) {  // for date and time inputs, whose pickers take no plain text
    const el = elements.get(ref);
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(el, text);
    if (el.value !== text) return { error: `${el.type} field ${ref} does not take ${JSON.stringify(text)}` };
    changed(el);
    return {};
  }

  function select(ref, label) {
    const { el, error } = locate(ref, 'select');
    if (error) return { error };
    const isAvailable = each => !each.disabled && !each.closest('optgroup:disabled');
    const option = [...el.options].find(each => squeeze(each.label) === squeeze(label));
    if (!option || !isAvailable(option)) return { error: `list box ${ref} has no option "${label}"; it has: ${[...el.options].map(each => squeeze(each.label)).join(', ')}` };
    el.focus();
    if (option.selected) return { key: null };
    const available = [...el.options].filter(isAvailable);
    const place = available.indexOf(option);
    if (available.length < 2) {
      option.selected = true;
      changed(el);
      return { key: null };
    }
    // From its neighbour the option is one key away, so the page gets trusted events, and one of each.
    const isAfter = place > 0;
    el.selectedIndex = available[place + (isAfter ? -1 : 1)].index;
    addEventListener('keydown', event => {
      if (event.defaultPrevented) { option.selected = true; changed(el); }
    }, { once: true });
    return { key: isAfter ? 'ArrowDown' : 'ArrowUp' };
  }

  function changed(el) {
    touched.add(el);
    el.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
    el.dispatchEvent(new Event('change', { bubbles: true }));
  }

  function read(ref) {
    const { el, error } = locate(ref, 'read');
    if (error) return { error };
    const role = roleOf(el);
    return { role, name: nameOf(el, role), text: (isField(el) ? valueOf(el) : squeeze(textOf(el))).toWellFormed() };
  }

  function fileInput(ref) {
    const { el, error } = locate(ref, 'upload');
    if (error) return { error };
    touched.add(el);
    globalThis.cairn.chosenInput = el;
    return {};
  }

  const described = el => { const role = roleOf(el); return { role, name: nameOf(el, role) }; };
  const report = (kind, data) => globalThis.cairnReport?.(JSON.stringify([kind, data], wellFormed));
  const owner = event => event.composedPath().find(node => node.nodeType === 1 && ACTS.has(roleOf(node)));
  addEventListener('click', event => {
    const el = event.isTrusted && owner(event);
    if (!el) return;
    touched.add(el.control ?? el);
    report('ElementActivated', described(el));
    const button = event.composedPath().find(node => node.nodeType === 1 && node.matches('button,input'));
    if (button && button.form && ['submit', 'image'].includes(button.type)) report('SubmitClicked', described(button));
  }, true);
  // Scripts can cause trusted input events: by `click()` on a toggle, by `execCommand` on a text.
  addEventListener('beforeinput', event => {
    if (event.isTrusted) touched.add(event.composedPath()[0]);
  }, true);
  addEventListener('input', event => {
    const el = event.composedPath()[0];
    if (event.isTrusted && !(event instanceof InputEvent) && !isToggle(el)) touched.add(el);
  }, true);
  addEventListener('focusin', event => {
    const el = event.composedPath()[0];
    if (isField(el)) inputs.push(['FieldFocused', described(el)]);
  }, true);

  globalThis.cairn = { snapshot, point, dragPoints, dragBegun, focus, setValue, select, read, fileInput };
})();
