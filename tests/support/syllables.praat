# Syllable nuclei and pauses by Praat's own commands, after the description in N. de Jong and T. Wempe, "Praat script to
# detect syllable nuclei and measure speech rate automatically", Behavior Research Methods 41 (2009): what src/dsp/syllables.h
# promises, in Praat's words. Prints: syllables, pauses, seconds of phonation, seconds of pauses.
form Syllables
    sentence Path
endform

sound = Read from file: path$
seconds = Get total duration
pitch = To Pitch (ac): 0.02, 30, 4, "no", 0.03, 0.25, 0.01, 0.35, 0.25, 450
selectObject: sound
intensity = To Intensity: 50, 0, "yes"
loudest = Get quantile: 0, 0, 0.99
greatest = Get maximum: 0, 0, "parabolic"
frames = Get number of frames
threshold = loudest - 25
grid = To TextGrid (silences): threshold - greatest, 0.3, 0.1, "silent", "sounding"

phonation = 0
paused = 0
pauses = 0
stretches = Get number of intervals: 1
for i to stretches
    selectObject: grid
    label$ = Get label of interval: 1, i
    begin = Get start time of interval: 1, i
    end = Get end time of interval: 1, i
    if label$ = "sounding"
        phonation += end - begin
    elsif i > 1 and i < stretches
        pauses += 1
        paused += end - begin
    endif
endfor

selectObject: intensity
for f to frames
    level [f] = Get value in frame: f
    time [f] = Get time from frame number: f
endfor
syllables = 0
dip = level [1]
for f from 2 to frames - 1
    dip = min (dip, level [f])
    if level [f] >= threshold and level [f] > level [f - 1] and level [f] >= level [f + 1]
        selectObject: pitch
        hertz = Get value at time: time [f], "Hertz", "nearest"
        selectObject: grid
        stretch = Get interval at time: 1, time [f]
        label$ = Get label of interval: 1, stretch
        if level [f] - dip >= 2 and hertz <> undefined and label$ = "sounding"
            syllables += 1
        endif
        dip = level [f]
    endif
endfor
writeInfoLine: syllables, " ", pauses, " ", phonation, " ", paused
