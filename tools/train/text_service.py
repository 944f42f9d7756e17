"""Sentences of service calls, written for this project: routine ones, and those that say how the caller feels.

In the corpora, words of courtesy count as joy and nobody complains to a company. Routine sentences alone teach the text
experts that a call is neutral whatever is said in it, complaints too; so both are here, about the same matters. PROBES are
for checking, about other matters, and train nothing.
"""

_ROUTINE_LEADS = ("", "okay, ", "sure, ", "all right, ", "um, yes, ")
_FELT_LEADS = ("", "look, ", "no, ", "well, ")

_ROUTINE = (
    "thanks for calling.", "thank you for calling customer service.", "have a good day.", "have a nice evening, bye bye.",
    "thank you, goodbye.", "thank you very much for your help.", "how may I help you today?", "what can I do for you?",
    "can you spell your last name for me?", "my name is Sarah Miller.", "my account number is four four seven nine two.",
    "the number is five five five eight one two six.", "my address is twelve Oak Street.", "my email is john at example dot com.",
    "let me check that for you.", "give me one second please.", "please hold while I transfer you.", "I will send you a confirmation.",
    "your appointment is on Friday at three.", "it will take three to five business days.", "is there anything else I can help you with?",
    "no, that's all, thank you.", "that would be great, thank you.", "you're welcome.", "no problem.", "I see.", "that's right.",
    "I'd like to change my reservation.", "I am calling about my order.", "I need to renew my policy.", "what is the date of birth on the account?",
    "could you repeat that please?", "so the total comes to forty dollars.", "hello, this is Mark speaking.", "good morning.", "nice to meet you.")

_ANGRY = (
    "I have been on hold for forty minutes.", "this is the fourth time that I am calling about the same bill.",
    "you promised me that it would be fixed last week, and nothing happened.", "nobody ever answers my emails.",
    "you keep telling me the same thing and nobody does anything.", "I want to speak to your manager.",
    "how many times do I have to explain this?", "I have explained it to three people already.",
    "I paid for next day delivery and it has been two weeks.", "you charged me twice and now you will not give it back.",
    "that is not my problem, that is your mistake.", "that is not good enough.", "do not put me on hold again.",
    "I waited at home the whole day and the technician did not show up.", "you people never do what you say.",
    "every month there is another wrong charge on my bill.", "so you took my money and you have no idea where my order is.",
    "I am not paying for something that never worked.", "it broke again, one day after you repaired it.",
    "you cancelled my booking and did not even tell me.", "this is the worst service I have ever had.",
    "I have had enough of this company.", "I am going to cancel everything and tell everybody about this.",
    "your colleague hung up on me.", "you said that yesterday, and the day before.", "five weeks, and still no answer.",
    "do you even read what your customers write?", "I am sick and tired of waiting.", "just do your job.",
    "why should I pay for your mistake?", "it is always the same excuse with you.", "stop reading from your script and listen to me.",
    "you had two months to sort this out.", "nobody there wants to take responsibility.", "I was told it would take an hour, that was on Monday.",
    "you sold me a broken machine and now you blame me.")

_SAD = (
    "my husband passed away last month and the contract is still in his name.", "I have to cancel the trip, my mother is dying.",
    "there were pictures of my late wife on that phone.", "I lost my job, so I cannot pay this month.",
    "it was the last thing that my grandmother gave me.", "we had to put our dog down on Sunday.",
    "I have nobody who could help me with that any more.", "we saved for this holiday for three years and now it is gone.",
    "I do not need the second ticket any more, she left me.", "all the letters that he wrote to me were in that box.",
    "I am all alone with this now.", "he would have turned sixty next week.", "we lost the baby, so we will not need it any more.",
    "I am closing his account, he is not coming back.", "it is hard to talk about it.", "I had so hoped that it could still be saved.")

_HAPPY = (
    "it arrived this morning and it is perfect, I love it.", "you are an angel, thank you so much.",
    "I cannot believe it, that is the best news I have had all year.", "my daughter was over the moon when she opened it.",
    "that is fantastic, I am so relieved.", "you have no idea how happy this makes me.", "oh that is wonderful, it works again!",
    "I just wanted to tell you how pleased we are with everything.", "we are getting married in June and we are so excited.",
    "it is a boy, we need a bigger car!", "brilliant, that is so much more than I had hoped for.", "I got the job, so I am moving!",
    "this is the nicest anybody has been to me on the phone.", "we had such a lovely time at your hotel.", "yes! finally, thank you, thank you.",
    "I am delighted with how it turned out.")

_OTHER = (
    "oh no, somebody has taken all the money out of my account.", "I am really worried that it will not be here in time.",
    "wait, what, it was how much?", "I am afraid that I did something wrong.", "there is smoke coming out of it, what do I do?",
    "I do not understand any of this, it is all so confusing.", "there was a dead mouse in the box, it was disgusting.",
    "somebody is trying to get into my account right now.", "I am so embarrassed, I gave you the wrong number.",
    "I am scared to switch it on again.", "I never expected that to happen.", "it smells as if something has died in there.",
    "my operation is tomorrow, and I am nervous about it.", "I am a bit lost, to be honest.", "you are joking, it was free?",
    "please hurry, the water is coming through the ceiling.")


def sentences():
    """[(text, label as text_corpora numbers them, what it is called there, the sentence that it is a form of)]"""
    out = [(lead + text, 3, "routine", text) for lead in _ROUTINE_LEADS for text in _ROUTINE]
    for label, texts in ((0, _SAD), (1, _HAPPY), (2, _ANGRY), (4, _OTHER)):
        for i, text in enumerate(texts):
            plain = _ROUTINE[(7 * i + label) % len(_ROUTINE)]
            forms = [lead + text for lead in _FELT_LEADS] + [f"{text} {plain}" if i % 3 else f"{plain} {text}"]
            out += [(form, label, "felt", text) for form in forms]
    return out


PROBES = [
    ("I have already called three times, and nobody ever calls back.", 2), ("Ten days, and you still cannot tell me where my parcel is.", 2),
    ("You lost my luggage and all you offer me is a form.", 2), ("This is ridiculous, I have been waiting for an hour!", 2),
    ("I am really disappointed with your service.", 2), ("The plumber has let me down for the second time now.", 2),
    ("You sent me the wrong size again.", 2), ("I wrote to you in March, and I have not heard a word since.", 2),
    ("So whose fault is it, mine?", 2), ("Three engineers have been here and the line is still dead.", 2),
    ("You raised the price without asking me.", 2), ("I don't want another voucher, I want my money back.", 2),
    ("My father died in the spring, and it is the only thing of his that I have left.", 0), ("I lost my job and I feel terrible.", 0),
    ("I miss him every day.", 0), ("Our house burned down, we have nothing left.", 0), ("We buried her last week.", 0),
    ("The vet said that there was nothing more he could do.", 0),
    ("That's wonderful, you have made my day.", 1), ("Oh, thank goodness, you found it!", 1), ("I'm so happy, that's wonderful news!", 1),
    ("The children loved every minute of it.", 1), ("We won the prize, I still can't believe it!", 1),
    ("Oh my god, what was that?", 4), ("I'm scared to open it.", 4), ("I am worried about my son, he has not called since yesterday.", 4),
    ("The milk was green, it made me sick.", 4), ("What, they sold the whole building?", 4),
    ("My phone number is five five five, zero one two three.", 3), ("Okay, thanks for calling. Have a nice day.", 3),
    ("Can I have your name please?", 3), ("Sure, one moment, let me pull up your account.", 3), ("okay", 3), ("Yes, that's correct.", 3),
    ("Thank you for calling, how can I help you?", 3), ("The meeting starts at ten.", 3), ("Great, thanks, bye.", 3), ("Alright, take care.", 3),
    ("I ordered it on Tuesday, and it should come on Friday.", 3), ("I called you on Monday about the invoice.", 3),
    ("I have been a customer for ten years.", 3), ("My husband will pick it up at five.", 3), ("It is a gift for my mother.", 3),
    ("The engineer comes between eight and twelve.", 3), ("You can send the form back by post.", 3),
    ("I will call you back in ten minutes.", 3), ("Which size would you like?", 3), ("The watch is ready, you can collect it tomorrow.", 3),
    ("We close at six on Saturdays.", 3), ("I moved in March, so my address has changed.", 3), ("The voucher is valid until the end of the year.", 3),
]
