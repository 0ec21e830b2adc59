"""Far zooms over a catalogue of thousands of scenes, in process, without HTTP."""
