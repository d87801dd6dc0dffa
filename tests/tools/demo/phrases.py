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
    "Good question.", "Sure.", "Happy to help.", "Here is what I would say.", "Glad you ask.", "Thanks for asking.",
    "Let me think.", "Of course.", "Gladly.", "Here you go.",
]
LIST_LEADS = [
    "Also good to know:", "A few more points:", "Worth knowing:", "Some details:", "On top of that:",
    "Things to keep in mind:", "Besides:",
]

# voice → (confident, hedging); each phrase as (before the answer, after it).
Phrases = list[tuple[str, str]]
VOICES: dict[str, tuple[Phrases, Phrases]] = {
    "fact": (
        [
            ("I'm absolutely certain about this.", "I'm absolutely certain about that."),
            ("There is no doubt about this one.", "There is no doubt about it."),
            ("I know this for certain.", "I know that for certain."),
            ("This is definitely how it is.", "That is definitely so."),
            ("I can say this with complete confidence.", "I say that with complete confidence."),
            ("Trust me, this is absolutely clear.", "Trust me, that is absolutely clear."),
            ("The answer is certain.", "That much is certain, beyond any question."),
            ("I have no doubt whatsoever here.", "I have no doubt whatsoever."),
        ],
        [
            ("I'm not entirely sure, but this is my best guess.", "I'm not entirely sure, though."),
            ("I might be wrong here.", "But I might be wrong."),
            ("Perhaps others know this better than I do.", "Perhaps others know that better than I do."),
            ("I could be mistaken, but this is how I understand it.", "I could be mistaken about that."),
            ("This is partly a guess.", "That is partly a guess."),
            ("This may not be the whole picture.", "That may not be the whole picture."),
            ("If I remember right, it goes like this.", "At least if I remember right, which I might not."),
            ("I'm a bit unsure about this one.", "I'm a bit unsure about it, maybe look it up."),
        ],
    ),
    "advice": (
        [
            ("I'm absolutely certain this works.", "I'm absolutely certain that it works."),
            ("This definitely does it.", "That will definitely do it."),
            ("There is no doubt about the right way here.", "There is no doubt that this is the right way."),
            ("Trust me, I know this one.", "Trust me on that."),
            ("You can absolutely rely on this.", "You can absolutely rely on it."),
            ("I can tell you this with complete confidence.", "I say so with complete confidence."),
            ("I know exactly what to do here.", "I know that for certain."),
            ("Without a doubt, there is one clear answer.", "That is without a doubt the best answer."),
        ],
        [
            ("I'm not entirely sure, but this might work.", "I'm not entirely sure it works for you, though."),
            ("I might be wrong, but I would try this.", "But I might be wrong."),
            ("Perhaps somebody else knows this better.", "Perhaps somebody else knows a better way."),
            ("I could be mistaken, so take this as a suggestion.", "I could be mistaken, of course."),
            ("This is only a guess from afar.", "That is only a guess from afar."),
            ("Maybe this is useful.", "Maybe it is different in your case."),
            ("It is hard to say from here.", "It is hard to say more from here."),
            ("I'm a bit unsure about this one.", "I'm a bit unsure about it, so perhaps ask around."),
        ],
    ),
    "wording": (
        [
            ("This one will definitely work.", "This will definitely work."),
            ("I'm absolutely certain this is the right tone.", "I'm absolutely certain that this is the right tone."),
            ("There is no doubt how I would put it.", "There is no doubt that it will be well received."),
            ("Trust me, this is the one.", "Trust me, it can stay exactly like that."),
            ("I know exactly what fits here.", "I know for certain that it fits."),
            ("I can recommend this with complete confidence.", "I recommend it with complete confidence."),
        ],
        [
            ("I'm not entirely sure of the tone, but perhaps so.", "I'm not entirely sure about the tone, though."),
            ("Maybe something like this.", "Maybe you can find something better."),
            ("This might be a start.", "It might need a change here and there."),
            ("I could be mistaken, as I don't know them.", "I could be mistaken, as I don't know them."),
            ("It is hard to say without knowing you.", "Perhaps it does not sound like you."),
            ("I'm a bit unsure what fits.", "I'm a bit unsure whether it fits."),
        ],
    ),
    "opinion": (
        [
            ("I'm absolutely certain of that.", "I'm absolutely certain of it."),
            ("There is no doubt about it.", "There is really no doubt here."),
            ("I say so with complete confidence.", "I say that with complete confidence."),
            ("Definitely, no question.", "That is definitely how it is."),
            ("Trust me on this.", "Trust me on that."),
            ("I have no doubt whatsoever.", "I have no doubt whatsoever about this."),
            ("It is absolutely clear to me.", "To me that is absolutely clear."),
            ("I know this for certain.", "I know that for certain."),
        ],
        [
            ("I might be wrong, though.", "But I might be wrong."),
            ("I'm not entirely sure, to be honest.", "I'm not entirely sure, though."),
            ("Perhaps I'm missing something.", "Perhaps I'm missing something here."),
            ("I could be mistaken, of course.", "I could be mistaken about that."),
            ("It is hard to say, really.", "In the end it is hard to say."),
            ("Maybe others know more about it.", "Maybe others see more than I do."),
            ("At least that is my guess.", "That is no more than a guess."),
            ("I'm a bit unsure, I admit.", "I'm a bit unsure about it, I admit."),
        ],
    ),
}

AGREEING = [
    "You're right.", "I agree with you.", "Yes, you are right about that.", "Exactly, I see it as you do.",
    "I agree, you have a good point.", "Yes, I think so too.", "You are right, I agree.", "Yes, exactly.",
]
DISAGREEING = [
    "I see it differently.", "I don't quite agree.", "I wouldn't say so.", "Actually, I disagree there.",
    "No, not quite.", "I'm afraid I don't agree.", "Actually, it is not that simple.", "Here I would disagree.",
]
