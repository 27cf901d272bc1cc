"""Words that the small model's tokenizer knows as single tokens."""

from cairn.envs import actions
from cairn.envs.tasks import words as suite
from cairn.sandbox.keys import KEYS

# What pages and goals are made of besides the suite's own words; plain everyday English.
COMMON_WORDS = """
a about above accept account action active add address after again alert all allowed almost also
always am amount an and annual answer any apply approved archive are area article as ask at attach
attached attachments author away back bad banner be because been before begin belongs below best
better between big blue board body book books bottom box bring browse build but button by call
can cancel cannot card case cell center change changes check checked choose city clear click clock
close closed cold color combobox complete compose computer confirm confirmation content copy corp
corner could country create current daily dark dashboard data date day days dead delete department
description detail details dialog did digits directory document documents does done double down
download downloads draft drag drive due each early earlier edit element else email empty employee
end enter entry error even event every example exists expanded export exports false far fast few
field figure file files fill filled filter find first folder folders follow food for form forms
forward found free fresh friend from full get give given go goal good got green group had half hand
happy has have he header heading help her here high him his history home hot hour house how if
image important in inbox info input inside into invalid invoice is it item items its job joined just
keep key kind know label language large last later leave left less letter library light like line
link list local localhost location lock long look low made mail main make many map mark matches me
meeting member menu message messages middle minute missing modern money month more morning most
move much my name named near need needs never new news next nice night no none not note nothing now
number of off office old on once one only open opens option options or order other our out over own
page panel panels paper part path people person place plain plan please point press price print
project public put question quick rather read ready red refresh remove rename reply report reports
request requests required reset result results return right road room row rows run same save saved
say schedule scroll search second see select selected send sender sent set setting settings share
she short show side sign simple site size slow small so some soon sort space spreadsheet staff
start state status step still stop store story street strong sub subject submit such sum summary
switch system tab table take task team tell test text textbox than that the their them then there
these they thing this those time title to today together too tool top topic total totals town
trash true try turn two type under undo unread until up update upload uploaded us use used user
username value very view visitor wait want warm was way we web week weekly well were what when
where which while white who why will window with within word work world would write wrong year
yellow yes you young your zero zip zone
Add All Answer Attach Back Budgets CSV Cancel Change Check Choose Close Compose Confirm Copy Create
Delete Documents Download Downloads Drive Edit Employee Enter Exports File Files Find Forms From
Get Give Go Home Inbox Item Items JSON Library List Log Look Mail Make Message Messages Move Name
New News Next No Open Page Panels Previous Print Put Read Remove Reports Request Requests Results
Room Save Search Select Send Sent Settings Show Sort Staff State Status Submit Subject Switch Table
Take Text The To Topic Total Turn Update Upload Use View What Yes
"""


def known_words() -> list[str]:
    """Return all words, sorted, each once: everyday ones, the suite's, actions and keys."""
    words = {
        *COMMON_WORDS.split(),
        *actions.ACTIONS,
        *KEYS,
    }
    for name, entries in vars(suite).items():
        if name.isupper():
            words.update(entries)
    return sorted(words)
