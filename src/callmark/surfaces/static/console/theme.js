/* Light or dark before the page is drawn: as chosen (the server has set it), else as the system is. */
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
}
