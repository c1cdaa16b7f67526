/* What the page looks like before it is drawn: light or dark as chosen (the server has set it), else as the system is;
   and exact times where they were chosen in this tab. */
{
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  if (!root.dataset.bsTheme) {
    const follow = () => {
      root.dataset.bsTheme = dark.matches ? "dark" : "light";
    };
    follow();
    dark.addEventListener("change", follow);
  }
  try {
    if (sessionStorage.getItem("times") === "exact") root.dataset.times = "exact";
  } catch {
    // The browser keeps nothing for this site, so nothing was chosen.
  }
}
