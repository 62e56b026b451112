"""The console where something is put into a page that is not ours."""

import json

import pytest

from tests.e2e.console.conftest import Enter

_INJECTED = """async () => {
  const violations = [];
  document.addEventListener('securitypolicyviolation', event => violations.push(event.effectiveDirective));
  const script = document.createElement('script');
  script.textContent = 'globalThis.injected = true';
  document.body.append(script);
  const handler = document.createElement('div');
  handler.setAttribute('onclick', 'globalThis.injected = true');
  document.body.append(handler);
  handler.click();
  const image = new Image();
  await new Promise(resolve => { image.onerror = image.onload = resolve; image.src = 'https://elsewhere.example/x.png'; });
  await new Promise(requestAnimationFrame);
  return { ran: globalThis.injected === true, violations };
}"""


@pytest.mark.parametrize("path", ["/incidents", "/portal", "/oncall"])
async def test_a_script_that_is_not_ours_does_not_run(enter: Enter, path: str) -> None:
    me = await enter("monitor-manager")
    await me.open(path)
    found = await me.page.evaluate(_INJECTED)
    assert not found["ran"], json.dumps(found)
    assert {"script-src-elem", "script-src-attr", "img-src"} <= set(found["violations"])
    me.forgiven += ["Content Security Policy", "elsewhere.example"]  # what was tried just now is told of once more
    me.defects[:] = [defect for defect in me.defects if "Content Security Policy" not in defect and "elsewhere" not in defect]
