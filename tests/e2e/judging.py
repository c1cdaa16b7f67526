"""axe-core in a tab: what it finds wrong with a page, asked as cheaply as it can be without seeing less."""

import json

from playwright.sync_api import Page
from tests.e2e.resting_tabs import devtools

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
_JUDGE = """(known => {
  const hashes = new WeakMap(), readable = new Set(known);
  const add = (hash, text) => {
    for (const one of text) hash = Math.imul(hash ^ one.codePointAt(0), 0x01000193);
    return hash;
  };
  const hash = node => {
    if (!node) return 0x811c9dc5;
    if (!hashes.has(node)) {
      const has = getComputedStyle(node);
      hashes.set(node, add(hash(node.parentElement), [node.tagName, ...node.classList, has.color, has.backgroundColor,
        has.backgroundImage, has.opacity, has.fontSize, has.fontWeight, has.textShadow, has.filter, has.mixBlendMode,
        has.position, node.disabled].join(" ")));
    }
    return hashes.get(node);
  };
  const hasText = node => /^(INPUT|SELECT|TEXTAREA)$/.test(node.tagName)
    || [...node.childNodes].some(one => one.nodeType === 3 && one.data.trim());
  const isNew = node => hasText(node) && node.checkVisibility() && !readable.has(hash(node));
  const rule = axe._audit.rules.find(one => one.id === "color-contrast"), {matches} = rule;
  const check = axe._audit.checks["color-contrast"], {evaluate} = check;
  rule.matches = function (node, ...more) {
    return isNew(node) && matches.call(this, node, ...more);
  };
  check.evaluate = function (node, ...more) {
    if (readable.has(hash(node))) return true;
    let ratio;
    const noting = {...this, data: told => { ratio = told.contrastRatio; this.data(told); }};
    const result = evaluate.call(noting, node, ...more);
    if (result && ratio) readable.add(hash(node));
    return ratio === 1 ? false : result; // text in the colour of its background: axe-core leaves it to people
  };
  const link = axe._audit.checks["link-in-text-block"], {evaluate: differs} = link;
  const style = axe._audit.checks["link-in-text-block-style"], notes = {data() {}, relatedNodes() {}};
  link.evaluate = function (node, ...more) { // one of both is enough, and colours behind a link are slow to find
    return style.evaluate.call(notes, node) !== true && differs.call(this, node, ...more);
  };
  axe._audit.noHtml = true; // of each element that it looks at
  const reporter = (results, options, done) => done(results.filter(one => one.violations.length).map(
    one => `${one.id}: ${one.violations.slice(0, 3).map(each => each.node.element.outerHTML.slice(0, 120))}`));
  return options => axe.run({...options, reporter}).finally(() => {
    Object.assign(rule, {matches});
    Object.assign(check, {evaluate});
    link.evaluate = differs;
  }).then(found => JSON.stringify([found, [...readable].slice(known.length)]));
})"""
"""Texts are alike if they stand in equal elements in equal elements, up to the root, in the same colours.

Of those that look alike one is judged, and not those `known`: their contrast was found to be enough.
"""
_readable: list[int] = []
"""Texts of these looks can be read: most of a page's text looks like that of the page before."""


def judge(page: Page, rules: list[str]) -> None:
    """Asserts that axe-core finds nothing on the page."""
    options = {"runOnly": rules, "resultTypes": ["violations"], "preload": {"assets": ["media"]}}
    source = f"window.axe || loadAxe(); {_JUDGE}({_readable})({json.dumps(options)})"
    with devtools(page) as session:  # evaluates past the page's own content security policy
        result = session.send("Runtime.evaluate", {"expression": source, "awaitPromise": True, "returnByValue": True})
    found, readable = json.loads(result["result"]["value"])
    _readable.extend(readable)
    assert not found, (page.url, found)
