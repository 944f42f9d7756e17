"""Remarks of everyday talk, written for this project: colleagues, friends, meetings, debates, families.

The corpora are television, exercises for learners and written comments. What people say to each other at work or in an
argument is plainer: joy is "oh, nice, that worked", annoyance is put as an argument. Remarks with feeling and without stand
beside each other about the same matters, so that no matter is learned for a feeling. PROBES are for checking, about other
matters, and train nothing.
"""
import numpy as np

import text_service
from text_corpora import LABELS, SEED, Turn

_LEADS = ("", "yeah, ", "I mean, ", "um, ", "well, ", "okay, so ", "you know, ")

_HAPPY = (
    "that is such good news.", "oh, I love this idea.", "this is going to be so much fun.", "that looks amazing, well done.",
    "great job, everybody, I am proud of this team.", "finally, it works, look at that!", "I am really looking forward to the trip.",
    "that made my whole week.", "we got the funding!", "congratulations on the new job.", "this tastes fantastic.",
    "it is so good to see you again.", "I had the best weekend.", "oh, how lovely, is that for me?", "I am thrilled with these numbers.",
    "we won, can you believe it?", "what a beautiful morning.", "you did it, I knew you would.", "she said yes!",
    "that's brilliant, I want one too.", "I can't wait to show this to the others.", "the kids had a wonderful time.",
    "I am so glad you came.", "awesome, that is exactly what we were hoping for.", "this is much better than I expected.",
    "oh nice, the tests are all green.", "it was hilarious, we laughed the whole evening.", "good for you, that is well deserved.",
    "that's really cool, show me how you did it.", "I feel great today.", "we are having a baby.", "he passed all his exams.",
    "perfect, you saved my day.", "I really enjoyed working with you on this.", "the garden looks gorgeous this year.",
    "what a great match that was.", "it is fun to play with, honestly.", "the demo went really well.", "I am happy with how that turned out.",
    "we are so lucky with the weather.", "what a plan, count me in.", "I love the way you explained that.",
    "that is very kind of you, thank you so much.", "I got the tickets, we are going!", "it made me smile.", "this is a huge step forward for us.",
    "oh wow, that is so sweet.", "I am in such a good mood today.", "best coffee I have had in years.", "that was a pleasure.",
    "oh, that is a neat trick.", "I am impressed, that was quick.", "how cool, it even draws the picture for you.",
    "I have been hoping for something like this for years.", "excellent, that will save us hours.", "now that is what I call a good idea.",
    "this is going to make our lives so much easier.", "sweet, it runs twice as fast now.", "hey, that is really clever.",
    "I like where this is going.", "it is a joy to use.", "good news, the customer signed!", "fabulous, send them my thanks.",
    "we should celebrate that.", "you made it, welcome!", "it turned out even better than the first one.", "what a nice surprise to hear from you.",
    "this is the best thing since sliced bread.", "super, then we are done early.", "I am glad that we asked you.",
    "oh yes, please, that is a treat.", "they were delighted with the workshop.", "I had a great time talking to you.",
    "lucky you, that is a dream job.", "you are going to love it.", "we have never had such a good year.", "I am over the moon.",
    "my favourite part is the ending, it is so funny.", "that is a load off my mind, wonderful.", "terrific, I will tell the others.")

_ANGRY = (
    "that is just not fair.", "why should we pay for that?", "somebody took my chair again, it is always the same.",
    "nobody asked us, they just decided it over our heads.", "this is the third meeting about the same thing.",
    "you never listen to what I say.", "I am fed up with it, I really am.", "they take our money and give nothing back.",
    "stop interrupting me, let me finish.", "that is nonsense and you know it.", "it drives me mad when people do that.",
    "we told you months ago that this would happen.", "it is an absolute disgrace.", "who on earth thought that was a good idea?",
    "he always leaves the mess for somebody else.", "why am I the only one who cleans up around here?",
    "they make promises before the election and then they do the opposite.", "don't tell me how to do my job.",
    "this is a waste of everybody's time.", "it is my money, and I worked hard for it.", "they should be ashamed of themselves.",
    "how dare he say that to you?", "I asked you to be quiet.", "people who have never worked a day earn more than I do.",
    "the council does nothing, absolutely nothing.", "you can't just change the rules halfway through.", "that was really rude.",
    "we do all the work and they take the credit.", "he lied to my face.", "I have had it up to here with this printer.",
    "why do we have to explain ourselves every single time?", "that is exactly the kind of attitude that gets on my nerves.",
    "they are treating us like children.", "it is ridiculous that it still takes that long.", "no, that is wrong, and it is unfair to the rest of us.",
    "you had one thing to do.", "somebody parked across my drive again.", "I am not going to sit here and take that.",
    "the trains are late every day and the fares go up.", "what is the point of having rules if nobody keeps them?",
    "don't you dare blame this on my team.", "he got a bonus for that, it is outrageous.", "you said you would do it and you didn't.",
    "leave me alone.", "they don't care about people like us.", "that is cheating.", "you are not even trying.",
    "she went behind my back.", "it is always us who have to give way.", "enough, I don't want to hear another excuse.",
    "what gives them the right to decide that for us?", "how can anybody defend a thing like that?",
    "it makes no sense that the richest get the most.", "they have had twelve years to build it and there is nothing.",
    "the rest of us have to wait while they jump the queue.", "it is an insult to everybody who works for a living.",
    "they sit in their offices and have no idea how we live.", "we are being ripped off, plain and simple.",
    "don't lecture me about saving water while the golf course is green.", "it is one rule for them and another for us.",
    "I object to that, I object to it strongly.", "you keep dodging the question.", "that is a cheap excuse.",
    "nobody should be allowed to get away with that.", "it is the ordinary people who foot the bill, as usual.",
    "they closed our clinic and bought themselves new cars.", "and who has to clean it up, the taxpayer, of course.",
    "I have no sympathy for them, they brought it on themselves.", "the whole thing is a scandal.", "I won't stand for it.",
    "what a load of rubbish.", "he talks and talks and does not answer.", "that money was meant for the schools.",
    "why is it always the small shops that have to close?", "it is wrong that they can just walk away from it.", "you call that fair?",
    "the landlord puts up the rent and lets the roof leak.", "we are sick of being ignored.", "that is easy for you to say, you don't live next to it.",
    "if they can't do their job, they should go.", "I am not having my street dug up for that.", "they make it up as they go along.",
    "it beggars belief.", "you can't tell me that this is right.", "shame on them.", "somebody should have stopped that years ago.")

_SAD = (
    "I miss the old days.", "it has not been the same since she left.", "I feel so lonely in that big house.",
    "we had to let half of the team go.", "he is not getting any better.", "I really thought we would win that one.",
    "it broke my heart to see him like that.", "I cried the whole way home.", "all that work, for nothing.",
    "I don't think I will ever see her again.", "they are closing the school that I went to.", "I let everybody down.",
    "we lost touch, and I regret it.", "I wish I had told him while I could.",
    "nobody came to her birthday.", "I am just so tired of it all.", "it hurts that they did not even ask.",
    "she was my best friend.", "some days I don't want to get up at all.", "the dog died last night.", "we are splitting up.",
    "I did not get the place.", "it is a shame, it was such a lovely shop.", "I feel like a failure.", "we could not save the tree.",
    "he forgot our anniversary.", "it is so sad what happened to them.",
    "it is just not the same without him.", "I had been looking forward to it so much, and now it is off.", "I feel empty.",
    "we tried everything and it was not enough.", "it makes me sad to see the shops all boarded up.", "he was only forty.",
    "she moved out last week and the house is so quiet.", "I wish things had gone differently.", "nobody remembers us.",
    "we will never get that time back.")

_OTHER = (
    "wait, really, since when?", "oh my goodness, you scared me.", "I am a bit worried about the deadline.", "what, he is her brother?",
    "ugh, that smells awful.", "I am so nervous about the talk.", "I did not see that coming at all.", "hang on, that can't be right.",
    "I am really confused now.", "oops, I deleted the wrong file.", "I feel terrible, that was my fault.", "that is disgusting, take it away.",
    "are you serious, you moved to Iceland?", "I hope nothing has happened to them.", "it gives me the creeps down there.",
    "how embarrassing, everybody heard it.", "wow, I had no idea.", "I am scared of what the doctor will say.", "that is weird.",
    "I was shocked when I saw the price.", "no way, that was you?", "I am jealous, I want to go too.", "I can't look, it is too high.",
    "I feel guilty about leaving early.", "what on earth is that noise?", "it makes me uneasy, to be honest.", "there is a spider on your back!",
    "I am not sure that we will make it in time, and it frightens me.", "I don't get it, why would it do that?", "oh dear, is he all right?",
    "how odd, it did that yesterday too.", "hold on, did he really say that?", "I am anxious about the results.",
    "good grief, look at the size of it.", "it is frightening how fast it went.", "I am baffled.", "that was clumsy of me, I am mortified.",
    "eww, what is that on your shoe?", "I had a nightmare about it.", "gosh, is it that late?", "I feel awkward about asking him.",
    "who would have thought that?")

_NEUTRAL = (
    "the funding runs until the end of March.", "the meeting is about the budget.", "we pay for it once a year.", "the parcels come on Mondays.",
    "I will show it to the others this afternoon.", "the new job starts in May.", "he works in another team now.", "the trip is in the second week.",
    "the match is on at eight.", "I will do that after lunch.", "I am going to the library.", "the tests run every night.",
    "I read the report on the train.", "the buses run every ten minutes.", "you can see the numbers on the next page.",
    "the kids are at school until three.", "I had coffee at the station.", "we can talk about that at the next meeting.",
    "it depends on the size.", "some of the boxes are upstairs and some are in the van.", "the rules are on the back of the sheet.",
    "he said that it would be ready by noon.", "the printer is on the second floor.", "I parked in front of the house.",
    "there are two trains an hour.", "that is one way to do it.", "I think we should start with the second question.",
    "so what do you think about it?", "it works in the same way as the old one.", "yes, it was in the paper.", "we moved here six years ago.",
    "she is my sister's friend.", "the shop closes at six.", "I have not packed yet.", "you have to press the button twice.",
    "it is about ten minutes from here.", "right, next point.", "could you say that again?", "I have a question about the schedule.",
    "the exam has three parts.", "the doctor is on the first floor.", "we need somebody who can do it on Tuesday.", "that is what it says here.",
    "I would say about a third of them.", "it was a different price last year.", "okay, go on.", "right.", "I see what you mean.",
    "let me think.", "is that the one with the blue cover?", "the file is in the shared folder.", "they changed the rules in January.",
    "thank you, the next speaker please.", "we have a caller from the north on the line.", "and what would you do?", "he lives with his brother.",
    "the talk is at four in the small room.", "who is driving?", "what happened then?", "we meet at the gate.", "see you tomorrow.",
    "most of it is paid by the employer.", "I don't think that it applies to us.", "we used to do it on paper.", "no, it was on a Monday.",
    "the elections are next spring.", "he cleans the kitchen on Fridays.", "the dog sleeps in the hall.", "that is the old school.",
    "my brother has the same car.", "it takes a while to start.", "I am not sure yet, maybe ten.", "I listen to it on my way to work.",
    "I think that both sides have a point.", "there are arguments for it and against it.", "it would cost about four million a year.",
    "in my view the first plan is simpler.", "I would rather keep it as it is.", "the question is who pays for it.", "some countries do it with a tax.",
    "the law has been the same since the nineties.", "if you earn more you pay more.", "I don't agree with the last speaker, and I will say why.",
    "most people get it when they turn sixty-five.", "I am not for it, because the roads are too narrow.", "that depends on where you live.",
    "in the south it is different.", "you have to apply for it by post.", "the rules say that you have to live here.",
    "let us hear from the lady in the second row.", "what they do in the city is another matter.", "I voted for the other one.",
    "it is cheaper in the winter.", "they pay half and we pay half.", "we tried that in two villages.", "the report says that it is about a third.",
    "you can get it at the town hall.", "I would not say so, no.", "the same goes for the buses.", "we have two minutes left.",
    "on the other hand it takes longer.", "I read that they want to change it next year.", "people move there for the work.",
    "have you seen the new version?", "it makes a summary of the meeting.", "you can turn it off in the settings.", "no, what does it do?",
    "it sends you a mail when it is done.", "I use it for the invoices.", "the new one is a bit bigger.", "we are going to test it next week.",
    "I will have a look at it tomorrow.", "let me open it.", "yes, from Monday on.", "you have to log in first.", "I have only used the old one.",
    "which button is it?")


def sentences():
    """[(text, label as text_corpora numbers them, what it is called there, the remark that it is a form of)].

    Each by itself, with two of the leads, and beside a sentence without feeling, before it or after it, as people go on: "we
    won! I will send you the link".
    """
    out = []
    for label, texts in ((0, _SAD), (1, _HAPPY), (2, _ANGRY), (3, _NEUTRAL), (4, _OTHER)):
        for i, text in enumerate(texts):
            plain = _NEUTRAL[(7 * i + label + 1) % len(_NEUTRAL)]
            forms = [lead + text for lead in ("", _LEADS[1 + i % 6], _LEADS[1 + (i + 2) % 6])]
            forms.append(f"{text} {plain}" if i % 3 else f"{plain} {text}")
            out += [(form, label, "talk", text) for form in forms]
    return out


def remarks_among_plain_turns(draws=3, before=4, after=2):
    """Dialogues of two people in turn, as text_corpora.dialogues() gives them: every held-out sentence of calls and of other
    talk among held-out ones without feeling, several times among others. That sentence alone has a label.
    """
    probes, rng = text_service.PROBES + PROBES, np.random.default_rng(SEED)
    plain = [text for text, label in probes if LABELS[label] == "neutral"]
    out = []
    for draw in range(draws):
        for i, (text, label) in enumerate(probes):
            others = rng.choice([t for t in plain if t != text], before + after, replace=False)
            said = [*((t, -1) for t in others[:before]), (text, label), *((t, -1) for t in others[before:])]
            out.append([Turn("remarks", "dev", f"remarks/{draw}/{i}", k, "AB"[k % 2], str(t), label, "")
                        for k, (t, label) in enumerate(said)])
    return out


PROBES = [
    ("Oh cool, I didn't know that you could do that, I love it.", 1), ("We finished two weeks early, that is fantastic.", 1),
    ("Lovely to meet you at last.", 1), ("The soup is delicious.", 1), ("Ha, that is so funny.", 1), ("Nice one, that fixed it.", 1),
    ("I am really pleased for her.", 1), ("It's snowing, how pretty!", 1), ("Hooray, no school tomorrow!", 1),
    ("That was a really good concert.", 1), ("I'm excited about the new office.", 1), ("Thanks, that means a lot to me.", 1),
    ("They loved our proposal.", 1), ("I like that a lot, let's do it.", 1), ("Great, that is a big improvement.", 1),
    ("I had so much fun at your party.", 1),
    ("Why do they have a lift and we don't?", 2), ("I am sick of hearing about it.", 2), ("They waste millions and then they raise our taxes.", 2),
    ("You are twisting my words.", 2), ("It's unacceptable, simple as that.", 2), ("You ate my lunch again, didn't you?", 2),
    ("Nobody in this house ever does the dishes.", 2), ("I told him three times to turn the music down.", 2),
    ("Those people think that they can do whatever they like.", 2), ("Don't talk to me like that.", 2),
    ("Why should my children have to suffer for their mistakes?", 2), ("The referee was a joke, he handed them the game.", 2),
    ("It annoys me that nobody reads the minutes.", 2), ("We were promised a new bridge ten years ago.", 2), ("He takes us all for fools.", 2),
    ("Could you for once be on time?", 2),
    ("I don't have anybody to talk to.", 0), ("Grandpa doesn't recognise me any more.", 0), ("We had to cancel the wedding.", 0),
    ("I am going to miss this place.", 0), ("The band broke up, it makes me really sad.", 0), ("It was the last time that I saw her.", 0),
    ("They turned me down again.", 0), ("I have been feeling pretty low lately.", 0), ("I wish he was still here.", 0),
    ("Whoa, where did you come from?", 4), ("I'm afraid of flying.", 4), ("Yuck, there is hair in it.", 4), ("That is strange, it was here a minute ago.", 4),
    ("I am worried that she won't like it.", 4), ("You sold it for how much?", 4), ("I feel bad about what I said.", 4), ("Hm, now I am lost.", 4),
    ("Oh no, I left the oven on.", 4), ("I could have died of shame.", 4),
    ("The concert starts at half past seven.", 3), ("I have the soup and a glass of water, please.", 3), ("We moved the office to the third floor.", 3),
    ("They have a lift at the back.", 3), ("My children go there by bus.", 3), ("The bridge is next to the station.", 3),
    ("Could you turn to page ten?", 3), ("I wrote the minutes last time.", 3), ("He is on holiday until the ninth.", 3),
    ("The party is at Jonah's place.", 3), ("I tried the other one first.", 3), ("What time do you finish?", 3), ("So the proposal has four parts.", 3),
    ("It's the same as in the old version.", 3), ("No, I was going to do it tonight.", 3), ("Yes, I heard about that.", 3),
    ("Taxes are collected by the county.", 3), ("Let's see what the others say.", 3), ("It rains more in the west.", 3), ("Did you see where Tom went?", 3),
    ("I put the dishes in the left cupboard.", 3), ("That was on the radio yesterday.", 3), ("Grandpa was born in Leeds.", 3),
    ("The game is on channel four.", 3), ("I'll send you the link.", 3), ("We usually fly from Vienna.", 3), ("And who is going to present it?", 3),
    ("The oven takes about ten minutes.", 3), ("Hello, can everybody hear me?", 3), ("You can take the blue chair.", 3),
    ("I think that it is a question of money.", 3), ("Most people there speak two languages.", 3), ("Okay, let me write that down.", 3),
    ("They repaired the roof in autumn.", 3), ("She teaches at the school round the corner.", 3),
]
