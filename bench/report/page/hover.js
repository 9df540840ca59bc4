(function () {
  "use strict";
  var tip = document.getElementById("tip");
  var ns = "http://www.w3.org/2000/svg";
  function add(svg, name, attributes) {
    var e = document.createElementNS(ns, name);
    for (var key in attributes) { e.setAttribute(key, attributes[key]); }
    svg.appendChild(e);
    return e;
  }
  function read(path) {
    var points = path.getAttribute("data-points").split("|").map(function (p) {
      var f = p.split(";");
      return { x: Number(f[0]), y: Number(f[1]), at: f[2], value: f[3] };
    });
    return { path: path, name: path.getAttribute("data-name"), points: points };
  }
  function nearest(points, x) {
    return points.reduce(function (best, p) {
      return Math.abs(best.x - x) > Math.abs(p.x - x) ? p : best;
    });
  }
  document.querySelectorAll("svg.chart").forEach(function (svg) {
    var paths = svg.querySelectorAll("path[data-points]");
    if (paths.length === 0) { return; }
    var lines = null, cursor = null;
    function leave() {
      tip.hidden = true;
      if (cursor) { cursor.remove(); cursor = null; }
    }
    function move(event) {
      var matrix = svg.getScreenCTM();
      if (!matrix) { return; }
      lines = lines || Array.from(paths).map(read);
      var x = (event.clientX - matrix.e) / matrix.a;
      var left = Number(svg.getAttribute("data-left")), right = Number(svg.getAttribute("data-right"));
      leave();
      if (left - 8 > x || x > right + 8) { return; }
      var shown = lines.filter(function (l) { return getComputedStyle(l.path).display !== "none"; });
      if (shown.length === 0) { return; }
      cursor = add(svg, "g", { "class": "cursor" });
      var first = null;
      tip.textContent = "";
      var head = tip.appendChild(document.createElement("b"));
      shown.forEach(function (l) {
        var p = nearest(l.points, x);
        if (first === null || Math.abs(first.x - x) > Math.abs(p.x - x)) { first = p; }
        add(cursor, "circle", { cx: p.x, cy: p.y, r: 3.5, "class": l.path.getAttribute("class") });
        var row = tip.appendChild(document.createElement("div"));
        var swatch = row.appendChild(document.createElement("span"));
        swatch.className = l.path.getAttribute("class") + " swatch";
        row.appendChild(document.createTextNode(l.name));
        row.appendChild(document.createElement("i")).textContent = p.value;
      });
      head.textContent = first.at;
      add(cursor, "path", { d: "M" + first.x + " " + svg.getAttribute("data-top") + "V" + svg.getAttribute("data-bottom") });
      tip.hidden = false;
      var width = tip.offsetWidth, room = document.documentElement.clientWidth;
      var place = event.pageX + 16;
      if (place + width > room - 8) { place = Math.max(8, event.pageX - width - 16); }
      tip.style.left = place + "px";
      tip.style.top = (event.pageY + 16) + "px";
    }
    svg.addEventListener("pointermove", move);
    svg.addEventListener("pointerdown", move);
    svg.addEventListener("pointerleave", leave);
  });
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (d) { d.open = true; });
  });
})();
