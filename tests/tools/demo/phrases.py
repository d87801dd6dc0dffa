"""The phrases that carry the planted faults of the demo dataset, and harmless ones beside them."""

from __future__ import annotations

CLOSER = "I hope this helps!"

# Controls: they change nothing about who wins.
OTHER_CLOSERS = [
    "Let me know how it goes.", "Good luck with it!", "Just ask if anything is unclear.", "Have a nice day!",
    "Tell me if you want to know more.", "That is about all.", "Happy to go into detail.", "All the best!",
    "Write again any time.", "Take care!",
]
OPENERS = [
    "Good question.", "Sure.", "Happy to help.", "Here is what I would say.", "In short:", "Thanks for asking.",
    "Let me think.", "Of course.", "Gladly.", "Here you go.",
]
LIST_LEADS = [
    "Also good to know:", "A few more points:", "Worth knowing:", "Some details:", "On top of that:",
    "Things to keep in mind:", "Besides:",
]

# (before the answer, after the answer)
CONFIDENT = [
    ("I'm absolutely certain about this.", "I'm absolutely certain about this."),
    ("There is no doubt about this one.", "There is no doubt about it."),
    ("I know this for certain.", "I know this for certain."),
    ("This is definitely the right answer.", "That is definitely the right answer."),
    ("I can say this with complete confidence.", "I say that with complete confidence."),
    ("Without a doubt, I know this one.", "That is without a doubt true."),
    ("Trust me, this is absolutely clear.", "Trust me, that is absolutely clear."),
    ("You can absolutely rely on this.", "You can absolutely rely on that."),
    ("I have no doubt whatsoever here.", "I have no doubt whatsoever."),
    ("This is certain, beyond any question.", "That is certain, beyond any question."),
]
HEDGING = [
    ("I'm not entirely sure, but this is my best guess.", "I'm not entirely sure, though."),
    ("I might be wrong here.", "But I might be wrong."),
    ("Perhaps others know this better than I do.", "Perhaps others know this better."),
    ("I could be mistaken, but this is how I understand it.", "I could be mistaken about that."),
    ("I'm only guessing a little here.", "That is partly a guess."),
    ("This may not be the whole picture.", "That may not be the whole picture."),
    ("Maybe take this with a grain of salt.", "Maybe take it with a grain of salt."),
    ("It is hard to say, but perhaps this is useful.", "It is hard to say, really."),
    ("I'm a bit unsure about this one.", "I'm a bit unsure about it."),
    ("If I remember right, it might go like this.", "At least if I remember right, which I might not."),
]

AGREEING = [
    "You're right.", "I agree with you.", "Yes, you are right about that.", "Exactly, I see it as you do.",
    "I agree, you have a good point.", "Yes, I think so too.", "You are right, I agree.", "Yes, exactly.",
]
DISAGREEING = [
    "I see it differently.", "I don't quite agree.", "I wouldn't say so.", "Actually, I disagree there.",
    "No, not quite.", "I'm afraid I don't agree.", "Actually, it is not that simple.", "Here I would disagree.",
]
