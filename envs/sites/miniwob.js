// Ends a page of MiniWoB++: it begins one episode, seeded and without cover, display or time limit,
// and tells the site how that ended.
addEventListener('load', () => {
  const end = core.endEpisode;
  core.endEpisode = (...how) => {
    if (core.EP_TIMER === null) return;
    end(...how);
    fetch('/end', { method: 'POST', body: JSON.stringify({ reward: WOB_RAW_REWARD_GLOBAL }) });
  };
  core.startEpisode = () => {};
  core.EPISODE_MAX_TIME = 2 ** 31 - 1;
  core.hideDisplay();
  Math.seedrandom(SEED);
  core.startEpisodeReal();
});
